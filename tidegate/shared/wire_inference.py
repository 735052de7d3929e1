"""What router and model servers say alike on the wire of inference: to a client they are one server."""

from importlib.metadata import PackageNotFoundError, version

from protos import inference_pb2 as pb

EXTENSIONS = ("model_configuration", "model_repository", "statistics", "binary_tensor_data")


def server_metadata() -> pb.ServerMetadataResponse:
    """Name, version, and the extensions of the protocol that are offered."""
    try:
        number = version("tidegate")
    except PackageNotFoundError:  # run from a checkout that is not installed
        number = "unknown"
    return pb.ServerMetadataResponse(name="tidegate", version=number, extensions=EXTENSIONS)
