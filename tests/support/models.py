"""Tiny models made on the fly, so that the tests need no files and no network."""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

_IR_VERSION = 10
_OPSET = 21

ONNX_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16,
    "BYTES": TensorProto.STRING,
}

Dims = Sequence[int | str | None]


def onnx_node(
    op: str, inputs: dict[str, tuple[str, Dims]], outputs: dict[str, tuple[str, Dims]], **attributes: object
) -> bytes:
    """A model of one operator; tensors are `name: (datatype, dims)`, a dim is a size, a symbol or None."""
    graph = helper.make_graph(
        [helper.make_node(op, list(inputs), list(outputs), **attributes)],
        "tiny",
        [helper.make_tensor_value_info(name, ONNX_TYPES[kind], list(dims)) for name, (kind, dims) in inputs.items()],
        [helper.make_tensor_value_info(name, ONNX_TYPES[kind], list(dims)) for name, (kind, dims) in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def identity(datatype: str = "FP32", dims: Dims = ("batch", 3)) -> bytes:
    """y = x, of any datatype and shape."""
    return onnx_node("Identity", {"x": (datatype, dims)}, {"y": (datatype, dims)})


def add(datatype: str = "FP32", dims: Dims = ("batch", 3)) -> bytes:
    """total = a + b."""
    return onnx_node("Add", {"a": (datatype, dims), "b": (datatype, dims)}, {"total": (datatype, dims)})


def lookup(rows: int = 4) -> bytes:
    """y = table[x] for INT64 x of shape [batch, 1], table = 0, 10, 20, …; an index out of range fails in the model."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [rows], [10.0 * row for row in range(rows)])
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "x"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.INT64, ["batch", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())


def write_model(repository: Path, name: str, model: bytes, version: int = 1, config: str = "") -> Path:
    """Put a model's file (and its config.toml) into a repository; returns the file's path."""
    folder = repository / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    file.write_bytes(model)
    if config:
        (repository / name / "config.toml").write_text(config)
    return file


def write_export(repository: Path, name: str, version: int = 1, max_rows: int | None = None) -> Path:
    """A torch.export program: `score` = sum of the 4 columns of x, `same` = x; x is FP32 [batch, 4]."""
    import torch

    class Tiny(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"score": x.sum(dim=1, keepdim=True), "same": x * 1.0}

    folder = repository / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch", min=1, max=max_rows)
    program = torch.export.export(Tiny(), (torch.zeros(2, 4),), dynamic_shapes={"x": {0: batch}})
    torch.export.save(program, folder / "model.pt2")
    return folder / "model.pt2"


def write_bf16_export(repository: Path, name: str) -> Path:
    """A torch.export program: output = x · 2; both are BF16 [batch, 2]."""
    import torch

    class Double(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    folder = repository / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    example = (torch.zeros(2, 2, dtype=torch.bfloat16),)
    program = torch.export.export(Double(), example, dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    torch.export.save(program, folder / "model.pt2")
    return folder / "model.pt2"


SCRIPT_CONFIG = """
inputs = [{ name = "x", datatype = "FP32", dims = [-1, 4] }]
outputs = [{ name = "score", datatype = "FP32", dims = [-1, 1] }]
"""


def write_script(repository: Path, name: str, config: str = SCRIPT_CONFIG) -> Path:
    """A TorchScript model: `score` = sum of the 4 columns of x."""
    import torch

    class Tiny(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum(dim=1, keepdim=True)

    folder = repository / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    torch.jit.script(Tiny()).save(str(folder / "model.pt"))
    if config:
        (repository / name / "config.toml").write_text(config)
    return folder / "model.pt"
