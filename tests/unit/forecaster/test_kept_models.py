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


def test_nothing_but_a_model_is_made_of_the_bytes():
    body = pickle.dumps(print)
    with pytest.raises(ValueError, match="print has no place"):
        state.load(state._digest(body) + body)
