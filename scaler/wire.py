"""The scaler's own values to protobuf: the one conversion. (Plans: `tidegate.shared.wire_scaling`.)"""

from protos import scaling_pb2 as pb
from scaler.overrides import AuditEntry, Override


def override_to_proto(one: Override) -> pb.Override:
    """An override."""
    return pb.Override(kind=one.kind, value=one.value, reason=one.reason, by=one.by, at_s=one.at_s, until_s=one.until_s)


def entry_to_proto(one: AuditEntry) -> pb.AuditEntry:
    """An entry of the audit trail."""
    return pb.AuditEntry(at_s=one.at_s, pool=one.pool, who=one.who, what=one.what, why=one.why, until_s=one.until_s)
