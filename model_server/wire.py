"""Between the messages of inference.proto and numpy arrays."""

from collections.abc import Iterable, Mapping
from typing import Any

from model_server.signature import Signature, TensorSpec, check_against
from protos import inference_pb2 as pb
from tidegate.shared.errors import InvalidRequest, InvalidTensor, NotSupported
from tidegate.shared.tensors import (
    RAW_ONLY,
    TYPED_FIELDS,
    Array,
    Shape,
    Tensors,
    check_datatype,
    from_raw,
    from_typed,
    to_raw,
)

_REFUSED_PARAMETERS = {
    "sequence_id": "stateful sequences are not offered",
    "sequence_start": "stateful sequences are not offered",
    "sequence_end": "stateful sequences are not offered",
    "shared_memory_region": "shared memory is not offered; send the tensor in the message",
    "classification": "classification is not offered; take the scores and sort them",
}


def decode_inputs(request: pb.ModelInferRequest, signature: Signature) -> tuple[Tensors, tuple[Shape, ...], bool]:
    """The request's inputs by name, their shapes in the signature's order, and whether they came raw.

    Raw arrays are views of the request's bytes. Whether the inputs agree on their rows: see `check_rows_agree`.
    Raises InvalidTensor naming the tensor and what is wrong, NotSupported for parameters that are not offered.
    """
    if request.parameters:
        _check_parameters("the request", request.parameters)
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InvalidTensor(f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs; each needs one")
    specs = {spec.name: spec for spec in signature.inputs}
    tensors: Tensors = {}
    shapes: dict[str, Shape] = {}
    for index, tensor in enumerate(request.inputs):
        name = tensor.name
        if name not in specs:
            raise InvalidTensor(f"the model has no input '{name}'; its inputs: {', '.join(specs)}")
        if name in tensors:
            raise InvalidTensor(f"input '{name}' is given twice")
        where = f"input '{name}'"
        if tensor.parameters:
            _check_parameters(where, tensor.parameters)
        shape = shapes[name] = tuple(tensor.shape)
        check_datatype(where, tensor.datatype)
        check_against(specs[name], tensor.datatype, shape)
        if raw:
            if tensor.HasField("contents"):
                raise InvalidTensor(f"{where} has typed contents, and the request raw_input_contents; send one")
            tensors[name] = from_raw(where, tensor.datatype, shape, raw[index])
        else:
            tensors[name] = _typed(where, tensor, shape)
    if len(tensors) != len(specs):
        missing = [name for name in specs if name not in tensors]
        raise InvalidTensor(f"input '{missing[0]}' is missing; the model's inputs: {', '.join(specs)}")
    return tensors, tuple(shapes[name] for name in specs), bool(raw)


def check_rows_agree(signature: Signature, shapes: tuple[Shape, ...]) -> None:
    """Raise InvalidTensor unless all inputs have as many rows as the first."""
    rows = shapes[0][0]
    for spec, shape in zip(signature.inputs, shapes, strict=True):
        if shape[0] != rows:
            first = signature.inputs[0].name
            raise InvalidTensor(f"input '{spec.name}' has {shape[0]} rows, input '{first}' has {rows}")


def wanted_outputs(request: pb.ModelInferRequest, signature: Signature) -> tuple[TensorSpec, ...]:
    """The outputs that the request asks for, in its order; all without a wish. Raises InvalidTensor, NotSupported."""
    if not request.outputs:
        return signature.outputs
    specs = {spec.name: spec for spec in signature.outputs}
    wanted: dict[str, TensorSpec] = {}
    for output in request.outputs:
        if output.name not in specs:
            raise InvalidTensor(f"the model has no output '{output.name}'; its outputs: {', '.join(specs)}")
        if output.name in wanted:
            raise InvalidTensor(f"output '{output.name}' is asked for twice")
        if output.parameters:
            _check_parameters(f"output '{output.name}'", output.parameters)
        wanted[output.name] = specs[output.name]
    return tuple(wanted.values())


def encode_response(
    request: pb.ModelInferRequest, version: int, outputs: Tensors, wanted: Iterable[TensorSpec], *, raw: bool
) -> pb.ModelInferResponse:
    """The response: raw when the request came raw or when an output's datatype has no typed field, else typed."""
    response = pb.ModelInferResponse(model_name=request.model_name, model_version=str(version), id=request.id)
    wanted = tuple(wanted)
    raw = raw or any(spec.datatype in RAW_ONLY for spec in wanted)
    for spec in wanted:
        array = outputs[spec.name]
        tensor = response.outputs.add(name=spec.name, datatype=spec.datatype, shape=array.shape)
        if raw:
            response.raw_output_contents.append(to_raw(spec.datatype, array))
        else:
            getattr(tensor.contents, TYPED_FIELDS[spec.datatype]).extend(array.ravel().tolist())
    return response


def check_no_load_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for the overrides that Triton lets a load request carry: our truth is on disk."""
    for name in parameters:
        raise InvalidRequest(f"parameter '{name}' of the load is not offered; change the model's files instead")


def _typed(where: str, tensor: pb.ModelInferRequest.InferInputTensor, shape: Shape) -> Array:
    field = TYPED_FIELDS.get(tensor.datatype, "")
    for used, _ in tensor.contents.ListFields():
        if used.name != field and tensor.datatype not in RAW_ONLY:
            raise InvalidTensor(f"{where}: {tensor.datatype} goes into {field}, not {used.name}")
    return from_typed(where, tensor.datatype, shape, list(getattr(tensor.contents, field)) if field else [])


def _check_parameters(where: str, parameters: Mapping[str, Any]) -> None:
    for name in parameters:
        if name in _REFUSED_PARAMETERS:
            raise NotSupported(f"{where}: parameter '{name}': {_REFUSED_PARAMETERS[name]}")
