"""PyTorch models: programs of torch.export (.pt2), and TorchScript (.pt)."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree

from model_server.devices import Device
from model_server.repository import ModelConfig, TensorConfig
from model_server.runners.common import fall_back, one_line
from model_server.runners.naming import signature_of
from model_server.signature import Signature, TensorSpec
from tidegate.shared.errors import ModelFailed, ModelLoadFailed
from tidegate.shared.tensors import DATATYPES, Array, Tensors

_DATATYPES = {
    torch.bool: "BOOL",
    torch.uint8: "UINT8",
    torch.uint16: "UINT16",
    torch.uint32: "UINT32",
    torch.uint64: "UINT64",
    torch.int8: "INT8",
    torch.int16: "INT16",
    torch.int32: "INT32",
    torch.int64: "INT64",
    torch.float16: "FP16",
    torch.float32: "FP32",
    torch.float64: "FP64",
    torch.bfloat16: "BF16",
}

# torch.export logs a traceback as a warning for a file that it can't read; we raise the reason instead.
logging.getLogger("torch.export").setLevel(logging.ERROR)


class TorchRunner:
    """One loaded PyTorch model; `call` takes its input tensors in order and returns its output tensors in order."""

    def __init__(
        self,
        platform: str,
        call: Callable[[list[torch.Tensor]], Sequence[Any]],
        device: Device,
        signature: Signature,
        threads: int,
    ) -> None:
        self.platform = platform
        self.device = device
        self.signature = signature
        self._call = call
        self._threads = threads

    def run(self, inputs: Tensors) -> Tensors:
        """Every output by name; see Runner."""
        if torch.get_num_threads() != self._threads:  # counts for the calling thread
            torch.set_num_threads(self._threads)
        tensors = [_to_torch(spec, inputs[spec.name]).to(str(self.device)) for spec in self.signature.inputs]
        try:
            with torch.inference_mode():
                outputs = self._call(tensors)
        except Exception as error:  # whatever the model's code raises
            raise ModelFailed(f"the model failed: {one_line(error)}") from error
        specs = self.signature.outputs
        if len(outputs) != len(specs):
            raise ModelFailed(f"the model gave {len(outputs)} outputs, its signature has {len(specs)}")
        return {spec.name: _to_numpy(spec, output) for spec, output in zip(specs, outputs, strict=True)}


def load(file: Path, config: ModelConfig, device: Device, threads: int) -> TorchRunner:
    """Load the file onto the device. Raises ModelLoadFailed."""
    torch.set_num_threads(threads)
    used = _usable(file, device)
    try:
        return (_load_export if file.suffix == ".pt2" else _load_script)(file, config, used, threads)
    except ModelLoadFailed:
        raise
    except Exception as error:  # zip, pickle, schema and operator errors of many classes
        raise ModelLoadFailed(f"{file}: can't be loaded: {one_line(error)}") from error


def _usable(file: Path, device: Device) -> Device:
    if device.kind == "cpu" or torch.cuda.is_available():
        return device
    return fall_back(file, device, f"this PyTorch ({torch.__version__}) can't use {device}")


def _load_export(file: Path, config: ModelConfig, device: Device, threads: int) -> TorchRunner:
    program = torch.export.load(file)
    inputs, max_rows = _export_inputs(program)
    outputs = _export_outputs(program, config.outputs)
    signature = signature_of(inputs, outputs, config, max_rows)
    if device.kind == "cuda":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, str(device))
    in_spec, module = program.call_spec.in_spec, program.module()

    def call(tensors: list[torch.Tensor]) -> Sequence[Any]:
        args, kwargs = pytree.tree_unflatten(tensors, in_spec)
        result: Sequence[Any] = pytree.tree_leaves(module(*args, **kwargs))
        return result

    return TorchRunner("pytorch_export", call, device, signature, threads)


def _export_inputs(program: Any) -> tuple[list[TensorSpec], int | None]:
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    specs, limits = [], []
    for name in program.graph_signature.user_inputs:
        value = nodes[name].meta.get("val") if name in nodes else None
        if not isinstance(value, torch.Tensor):
            raise ModelLoadFailed(f"input '{name}' of the exported program is no tensor; export it with tensors only")
        first = value.shape[0] if value.dim() else None
        specs.append(_value_spec(name, value))
        if isinstance(first, torch.SymInt) and first.node.expr in program.range_constraints:
            upper = program.range_constraints[first.node.expr].upper
            if upper.is_Integer:  # not torch's own infinity
                limits.append(int(upper))
    return specs, min(limits, default=None)


def _export_outputs(program: Any, given: Sequence[TensorConfig]) -> list[TensorSpec]:
    (node,) = (node for node in program.graph.nodes if node.op == "output")
    values = [getattr(argument, "meta", {}).get("val") for argument in node.args[0]]
    values = values[len(values) - len(program.graph_signature.user_outputs) :]  # mutated buffers come first
    if not all(isinstance(value, torch.Tensor) for value in values):
        raise ModelLoadFailed("an output of the exported program is no tensor; export it with tensors only")
    names = [tensor.name for tensor in given] or _output_names(program.call_spec.out_spec, len(values))
    if len(names) != len(values):
        raise ModelLoadFailed(f"config.toml names {len(names)} outputs, the exported program has {len(values)}")
    return [_value_spec(name, value) for name, value in zip(names, values, strict=True)]


def _output_names(out_spec: Any, count: int) -> list[str]:
    """The keys when the model returns a dict of tensors, "output" for a single one, else output_0, output_1, …"""
    if out_spec.type is dict and out_spec.num_children == count:
        return [str(key) for key in out_spec.context]
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]


def _value_spec(name: str, value: torch.Tensor) -> TensorSpec:
    if value.dtype not in _DATATYPES:
        raise ModelLoadFailed(f"tensor '{name}' is of type {value.dtype}, which has no datatype on the wire")
    dims = tuple(-1 if isinstance(size, torch.SymInt) else int(size) for size in value.shape)
    first = value.shape[0] if value.dim() else None
    return TensorSpec(name, _DATATYPES[value.dtype], dims, str(first) if isinstance(first, torch.SymInt) else "")


def _load_script(file: Path, config: ModelConfig, device: Device, threads: int) -> TorchRunner:
    if not config.inputs or not config.outputs:
        raise ModelLoadFailed(
            f"{file}: TorchScript does not say its tensors' names, datatypes and shapes; "
            "give them in config.toml by [[inputs]] and [[outputs]], in the order of forward()"
        )
    for tensor in (*config.inputs, *config.outputs):
        if tensor.datatype == "BYTES":
            raise ModelLoadFailed(f"{file}: tensor '{tensor.name}' is BYTES, which PyTorch has no tensors of")
    module = torch.jit.load(str(file), map_location=str(device)).eval()
    signature = Signature(tuple(t.spec() for t in config.inputs), tuple(t.spec() for t in config.outputs))

    def call(tensors: list[torch.Tensor]) -> Sequence[Any]:
        outputs = module(*tensors)
        if isinstance(outputs, dict):
            return [outputs[spec.name] for spec in signature.outputs]
        result: Sequence[Any] = pytree.tree_leaves(outputs)
        return result

    return TorchRunner("pytorch_libtorch", call, device, signature, threads)


def _to_torch(spec: TensorSpec, array: Array) -> torch.Tensor:
    if not array.flags.writeable:  # a view of the request's bytes; torch has no read-only tensors and warns
        array = array.copy()
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if spec.datatype == "BF16" else tensor


def _to_numpy(spec: TensorSpec, output: Any) -> Array:
    if not isinstance(output, torch.Tensor):
        raise ModelFailed(f"output '{spec.name}' is a {type(output).__name__}, not a tensor")
    output = output.detach().cpu()
    array: Array = (output.view(torch.uint16) if output.dtype is torch.bfloat16 else output).numpy()
    if array.dtype != DATATYPES[spec.datatype]:
        raise ModelFailed(f"output '{spec.name}' is {output.dtype}, the signature says {spec.datatype}")
    return array
