"""The scaler's own values to protobuf: the one conversion. (Plans: `tidegate.shared.wire_scaling`.)"""

from protos import scaling_pb2 as pb
from scaler.overrides import AuditEntry, Override
from scaler.savings import Savings


def override_to_proto(one: Override) -> pb.Override:
    """An override."""
    return pb.Override(kind=one.kind, value=one.value, reason=one.reason, by=one.by, at_s=one.at_s, until_s=one.until_s)


def savings_to_proto(one: Savings) -> pb.Savings | None:
    """What was saved; None where there is nothing to compare yet."""
    if one.ours is None or one.theirs is None or one.seconds <= 0.0:
        return None
    return pb.Savings(
        seconds=one.seconds,
        rows=one.rows,
        replica_seconds=one.ours.replica_s[0],
        late_rows=one.ours.late_rows[0],
        hpa_replica_seconds=one.theirs.replica_s[0],
        hpa_late_rows=one.theirs.late_rows[0],
    )


def entry_to_proto(one: AuditEntry) -> pb.AuditEntry:
    """An entry of the audit trail."""
    return pb.AuditEntry(at_s=one.at_s, pool=one.pool, who=one.who, what=one.what, why=one.why, until_s=one.until_s)
