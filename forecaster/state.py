"""Fitted models to bytes and back, so that a restart serves at once what was fitted before it. PURE.

A pickle that may hold nothing but this package's values and numpy's arrays, behind a digest of the bytes and of
`VERSION`: bytes of another version, or damaged ones, are refused and never half understood.
"""

import hashlib
import io
import pickle
from typing import Any

from forecaster.model import FittedModel

VERSION = b"tidegate fitted model 10"
"""To be raised whenever a field of a class that is kept changes."""

DIGEST_BYTES = 16
NUMPY = {"dtype", "ndarray", "_reconstruct", "_frombuffer", "scalar"}


def dump(fitted: FittedModel) -> bytes:
    """The model as bytes: some 8 bytes a point of history and a residual."""
    body = pickle.dumps(fitted, protocol=5)
    return _digest(body) + body


def load(data: bytes) -> FittedModel:
    """The model of these bytes. Raises ValueError for bytes that this version has not written."""
    body = data[DIGEST_BYTES:]
    try:
        fitted = _Reader(io.BytesIO(body)).load() if data[:DIGEST_BYTES] == _digest(body) else None
    except Exception as error:  # whatever a class that has changed meanwhile makes of it
        raise ValueError(f"{len(data)} bytes hold no fitted model of this version ({error}): fit it again") from None
    if not isinstance(fitted, FittedModel):
        raise ValueError(f"{len(data)} bytes hold no fitted model of this version: fit it again")
    return fitted


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES, key=VERSION).digest()


class _Reader(pickle.Unpickler):
    """Makes nothing but what a fitted model is made of."""

    def find_class(self, module: str, name: str) -> Any:
        """See pickle.Unpickler."""
        ours = module.startswith("forecaster.") or (module, name) == ("tidegate.shared.values", "Skill")
        if ours and "." not in name:  # a dotted name could reach through our modules to what they import
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        elif module.partition(".")[0] == "numpy" and name in NUMPY:
            return super().find_class(module, name)
        raise ValueError(f"{module}.{name} has no place in a fitted model")
