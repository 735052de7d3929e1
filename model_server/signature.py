"""What a model takes and gives, and whether a tensor fits it. PURE."""

from dataclasses import dataclass

from tidegate.shared.errors import InvalidTensor
from tidegate.shared.tensors import Shape


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model. A dimension of -1 takes any size.

    `batch_symbol` is the model's own name for a dynamic first dimension ("" when it has none): two inputs whose first
    dimensions have unlike names do not share a batch.
    """

    name: str
    datatype: str
    dims: Shape
    batch_symbol: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives. `max_rows` is the largest batch that the model itself allows (None: any)."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_rows: int | None = None

    def unbatched_reason(self) -> str:
        """Why rows of several requests can't be run together; empty when they can."""
        for spec in self.inputs + self.outputs:
            if not spec.dims or spec.dims[0] != -1:
                return f"tensor '{spec.name}' with dims {list(spec.dims)} has no dynamic first dimension"
        symbols = {spec.batch_symbol for spec in self.inputs} - {""}
        if len(symbols) > 1:
            return f"the inputs' first dimensions have unlike names: {', '.join(sorted(symbols))}"
        return ""


def check_against(spec: TensorSpec, datatype: str, shape: Shape) -> None:
    """Raise InvalidTensor unless a tensor of this datatype and shape is one that `spec` takes."""
    if datatype != spec.datatype:
        raise InvalidTensor(f"input '{spec.name}': datatype is {datatype}, the model takes {spec.datatype}")
    if len(shape) != len(spec.dims) or any(
        size < 0 or dim not in (-1, size) for size, dim in zip(shape, spec.dims, strict=True)
    ):
        raise InvalidTensor(f"input '{spec.name}': shape is {list(shape)}, the model takes {list(spec.dims)}")
