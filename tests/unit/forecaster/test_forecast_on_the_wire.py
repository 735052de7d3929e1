import dataclasses

import numpy as np

from forecaster.model import fit
from tests.support.tides import counted, tide_rates
from tidegate.shared import wire_forecast
from tidegate.shared.values import DemandSeries


def test_a_forecast_survives_the_wire():
    sent = fit(counted(tide_rates(300, 60))).forecast(20.0, window_s=5.0, paths=7, issued_at_s=301.5)
    got = wire_forecast.from_proto(wire_forecast.to_proto(sent))
    for field in dataclasses.fields(sent):
        np.testing.assert_array_equal(getattr(got, field.name), getattr(sent, field.name), err_msg=field.name)


def test_a_forecast_without_paths_keeps_its_shape():
    sent = fit(counted(tide_rates(300, 60))).forecast(20.0)
    assert wire_forecast.from_proto(wire_forecast.to_proto(sent)).paths_rps.shape == (0, 20)


def test_history_survives_the_wire_with_its_gaps():
    sent = DemandSeries("digits", 60.0, 2.0, np.array([1.0, np.nan, 3.0]))
    got = wire_forecast.history_from_proto(wire_forecast.history_to_proto(sent))
    assert (got.model, got.start_s, got.step_s) == ("digits", 60.0, 2.0)
    np.testing.assert_array_equal(got.rate_rps, sent.rate_rps)
