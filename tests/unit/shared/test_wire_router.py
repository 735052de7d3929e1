from protos.router_pb2 import BackendState
from tidegate.shared.values import BackendStatus
from tidegate.shared.wire_router import BACKEND_STATUS, BACKEND_STATUS_OF


def test_every_status_has_its_own_word_on_the_wire() -> None:
    assert {BACKEND_STATUS_OF[BACKEND_STATUS[status]] for status in BackendStatus} == set(BackendStatus)
    assert {BackendState.Status.Name(wire) for wire in BACKEND_STATUS.values()} == {
        f"STATUS_{status.name}" for status in BackendStatus
    }
