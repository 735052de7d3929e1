"""A model's signature: what its file says, overridden by what its config.toml says. PURE."""

from collections.abc import Sequence

from model_server.repository import ModelConfig
from model_server.signature import Signature, TensorSpec
from tidegate.shared.errors import ModelLoadFailed


def signature_of(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], config: ModelConfig, max_rows: int | None = None
) -> Signature:
    """The signature of a model whose file names its tensors.

    The config's [[inputs]] and [[outputs]] may say dims more exactly; names and datatypes must be the file's.
    Raises ModelLoadFailed otherwise.
    """
    return Signature(
        _refine("inputs", inputs, [tensor.spec() for tensor in config.inputs]),
        _refine("outputs", outputs, [tensor.spec() for tensor in config.outputs]),
        max_rows,
    )


def _refine(what: str, found: Sequence[TensorSpec], given: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    by_name = {spec.name: spec for spec in given}
    unknown = set(by_name) - {spec.name for spec in found}
    if unknown:
        names = ", ".join(spec.name for spec in found)
        raise ModelLoadFailed(f"config.toml [[{what}]]: the model has no '{min(unknown)}'; its {what}: {names}")
    for spec in found:
        if spec.name in by_name and by_name[spec.name].datatype != spec.datatype:
            other = by_name[spec.name].datatype
            raise ModelLoadFailed(
                f"config.toml [[{what}]]: '{spec.name}' is {other} there, {spec.datatype} in the model"
            )
    return tuple(by_name.get(spec.name, spec) for spec in found)
