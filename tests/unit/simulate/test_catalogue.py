"""Policies by name."""

import numpy as np
import pytest

from tests.support.views import TERMS, view
from tidegate.cli.simulate import DEFAULT_RISK as CLI_RISK
from tidegate.cli.simulate import POLICIES as CLI_POLICIES
from tidegate.shared.errors import InvalidRequest
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.catalogue import DEFAULT_RISK, POLICIES, Setting, choices

HISTORY = Arrivals(0.0, np.full(7200, 40.0))


def setting() -> Setting:
    return Setting(TERMS, HISTORY, np.full(600, 40.0))


def test_the_command_line_knows_the_same_names() -> None:
    assert tuple(POLICIES) == tuple(CLI_POLICIES)
    assert DEFAULT_RISK == CLI_RISK


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_decides_at_its_default_and_over_its_range(name: str) -> None:
    (choice,) = choices(name)
    made = setting()
    for one in (choice, *choice.swept(made)):
        assert 1 <= one.make(made).decide(view(7200.0, ready=5, served=40.0)) <= TERMS.max_replicas


def test_a_number_is_taken() -> None:
    one, other = choices("constant=7, constant=12")
    assert (one.label, other.label) == ("constant=7", "constant=12")
    assert [choice.make(setting()).decide(view()) for choice in (one, other)] == [7, 12]


@pytest.mark.parametrize("text", ["", "magic", "hpa=", "hpa=much", "hpa=-1", "hpa,hpa", "clairvoyant=2"])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=text.split(",")[0] or "known"):
        choices(text)


def test_hpa_is_swept_up_to_ninety_percent() -> None:
    swept = choices("hpa")[0].swept(setting())
    assert swept[-1].label == "hpa=0.9"


def test_policies_of_one_replay_share_the_forecaster() -> None:
    made = setting()
    assert made.foreseen == ()
    choices("predictive")[0].make(made)
    assert made.forecasts is made.forecasts
