import pickle

import numpy as np
import pytest

from forecaster import state
from forecaster.model import fit
from tests.support.tides import counted, tide_rates

FITTED = fit(counted(tide_rates(400, 60)))


def test_a_model_that_was_kept_forecasts_the_same():
    again = state.load(state.dump(FITTED)).update(np.full(5, 20.0))
    np.testing.assert_array_equal(
        again.forecast(30).values_rps, FITTED.update(np.full(5, 20.0)).forecast(30).values_rps
    )


@pytest.mark.parametrize("data", [b"", b"x" * 40, state.dump(FITTED)[:-1], pickle.dumps(FITTED)])
def test_bytes_that_are_no_kept_model_are_refused(data: bytes):
    with pytest.raises(ValueError, match="hold no fitted model"):
        state.load(data)


def naming(module: str, name: str) -> bytes:
    """A pickle that asks for one thing by its module and its name, dots allowed, and calls nothing."""
    parts = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name))
    return b"\x80\x04" + parts + b"\x93."


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "print"), ("forecaster.workers", "os.system"), ("forecaster.workers", "ProcessPoolExecutor")],
)
def test_nothing_but_a_model_is_made_of_the_bytes(module: str, name: str):
    body = naming(module, name)
    with pytest.raises(ValueError, match=f"{name} has no place"):
        state.load(state._digest(body) + body)
