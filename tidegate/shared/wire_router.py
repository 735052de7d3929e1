"""A replica's status to protobuf and back: the one conversion."""

from protos.router_pb2 import BackendState
from tidegate.shared.values import BackendStatus

BACKEND_STATUS = {
    BackendStatus.STARTING: BackendState.STATUS_STARTING,
    BackendStatus.READY: BackendState.STATUS_READY,
    BackendStatus.UNHEALTHY: BackendState.STATUS_UNHEALTHY,
    BackendStatus.DRAINING: BackendState.STATUS_DRAINING,
}
BACKEND_STATUS_OF = {wire: status for status, wire in BACKEND_STATUS.items()}
