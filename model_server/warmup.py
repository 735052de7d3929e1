"""What a model runs before it is ready. PURE."""

from collections.abc import Sequence
from statistics import median

import numpy as np

from model_server.repository import WarmUp
from model_server.signature import Signature
from tidegate.shared.errors import ModelLoadFailed
from tidegate.shared.tensors import DATATYPES, Tensors

MEASURE_S = 0.1
MOST_RUNS = 31


def warm_up_rows(warm_up: WarmUp, max_batch_rows: int) -> tuple[int, ...]:
    """Batch sizes to run: those configured, else one row and a full batch. Raises ModelLoadFailed (too large)."""
    if warm_up.rows is None:
        return (1,) if max_batch_rows == 1 else (1, max_batch_rows)
    for rows in warm_up.rows:
        if rows > max_batch_rows:
            raise ModelLoadFailed(f"config.toml: warm_up.rows has {rows}, more than max_batch_rows = {max_batch_rows}")
    return warm_up.rows


def measured_s(took_s: Sequence[float], count: int) -> float | None:
    """What one batch size takes, from the seconds of its runs so far; None: run it again.

    The median of all but the first run. A run of a small model is shorter than the time for which a busy machine sets
    it aside, so those are repeated until MEASURE_S are measured: a capacity that is off by 16 is a router's weight
    that is off by as much.
    """
    measured = took_s[1:] or took_s
    if len(took_s) < count or (sum(measured) < MEASURE_S and len(measured) < MOST_RUNS):
        return None
    return median(measured)


def zeros(signature: Signature, warm_up: WarmUp, rows: int, *, batched: bool) -> Tensors:
    """Inputs of zeros (BYTES: empty strings). Open dimensions are `warm_up.shapes`' or 1.

    Raises ModelLoadFailed when `warm_up.shapes` names no input, or has another number of sizes than it.
    """
    names = {spec.name for spec in signature.inputs}
    for name in warm_up.shapes:
        if name not in names:
            raise ModelLoadFailed(
                f"config.toml: warm_up.shapes has '{name}'; the inputs are {', '.join(sorted(names))}"
            )
    tensors = {}
    for spec in signature.inputs:
        dims = spec.dims[1:] if batched else spec.dims
        shape = warm_up.shapes.get(spec.name, tuple(1 if dim == -1 else dim for dim in dims))
        if len(shape) != len(dims) or any(dim not in (-1, size) for size, dim in zip(shape, dims, strict=True)):
            raise ModelLoadFailed(
                f"config.toml: warm_up.shapes.{spec.name} = {list(shape)} does not fit {list(dims)}"
                + (" (without the batch dimension)" if batched else "")
            )
        full = (rows, *shape) if batched else shape
        tensors[spec.name] = np.full(full, b"" if spec.datatype == "BYTES" else 0, DATATYPES[spec.datatype])
    return tensors
