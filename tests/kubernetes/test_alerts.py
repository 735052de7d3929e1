"""The alerts, evaluated by Prometheus' own `promtool test rules`: each fires when it should, and only then."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.manifests import BASE, load

(RULES,) = load(BASE.parent / "overlays" / "prometheus" / "rules.yaml")
ALERTS = {rule["alert"]: rule for group in RULES["spec"]["groups"] for rule in group["rules"]}

Series = dict[str, str]
HOLDS, PLANS = 'tidegate_scaler_holds_total{pool="digits"}', 'tidegate_scaler_plans_total{pool="digits"}'
WANTED, LIMIT = (f'tidegate_scaler_budget_units{{of="{of}"}}' for of in ("wanted", "limit"))
DESIRED, READY = (
    'tidegate_scaler_desired_replicas{pool="digits"}',
    'tidegate_scaler_replicas{pool="digits",state="ready"}',
)
HEARD = "tidegate_router_discovery_heard_timestamp_seconds"

# By alert: what makes it fire, what the summary then says, and what leaves it quiet. One value a minute, for an hour.
CASES: dict[str, tuple[Series, str, Series]] = {
    "TidegateNobodyScales": (
        {'tidegate_scaler_acting{pod="a"}': "0x60", 'tidegate_scaler_acting{pod="b"}': "0x60"},
        "No scaler carries plans out",
        {'tidegate_scaler_acting{pod="a"}': "0x60", 'tidegate_scaler_acting{pod="b"}': "1x60"},
    ),
    "TidegateReplicasFailing": (
        {'tidegate_scaler_replicas{pool="digits",state="failing"}': "2x60"},
        "2 replicas of pool digits can't start",
        {'tidegate_scaler_replicas{pool="digits",state="failing"}': "0x60"},
    ),
    "TidegateNotAsPlanned": (
        {DESIRED: "5x60", READY: "3x60"},
        "Pool digits has had fewer replicas than planned for 10 minutes",
        {DESIRED: "5x60", READY: "3x60", READY.replace("ready", "starting"): "2x60"},
    ),
    "TidegateHoldsWithoutData": (
        {HOLDS: "0+9x60", PLANS: "0+12x60"},
        "Pool digits is held as it is: readings are missing",
        {HOLDS: "0+3x60", PLANS: "0+12x60"},
    ),
    "TidegateBackendsFrozen": (
        {HEARD + '{instance="r0"}': "60x60"},
        "Router r0 has not heard of the cluster for 1740 s",
        {HEARD + '{instance="r0"}': "0+60x60"},
    ),
    "TidegateRequestsWait": (
        {'tidegate_router_held_requests{model="m"}': "4x60"},
        "Requests for m find no ready replica",
        {'tidegate_router_held_requests{model="m"}': "0x60"},
    ),
    "TidegateBudgetShort": (
        {WANTED: "12x60", LIMIT: "9x60"},
        "All pools together want 12 units, more than budget_units",
        {WANTED: "9x60", LIMIT: "9x60"},
    ),
    "TidegateNoDemandArrives": (
        {'tidegate_forecaster_source_followed{source="r0",pod="a"}': "0x60"},
        "No demand arrives from r0",
        {
            'tidegate_forecaster_source_followed{source="r0",pod="a"}': "0x60",
            'tidegate_forecaster_source_followed{source="r0",pod="b"}': "1x60",
        },
    ),
    "TidegateClocksDisagree": (
        {'tidegate_forecaster_source_clock_ahead_seconds{source="r0"}': "-300x60"},
        "The clock of r0 and the forecaster's are 300 s apart",
        {'tidegate_forecaster_source_clock_ahead_seconds{source="r0"}': "4x60"},
    ),
    "TidegateForecastsFail": (
        {'tidegate_forecaster_failures_total{model="m"}': "0+1x60"},
        "Forecasts of m fail; the pool is scaled reactively",
        {'tidegate_forecaster_failures_total{model="m"}': "3x60"},
    ),
}
AT = {"TidegateForecastsFail": "50m"}


def test_every_alert_has_its_case() -> None:
    assert CASES.keys() == ALERTS.keys()


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool on PATH: apt-get install prometheus")
    return found


def alerts(promtool: str, folder: Path, alert: str, series: Series) -> str:
    """What fires, in promtool's words against the expectation that nothing does; empty when nothing does."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(RULES["spec"]))
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": AT.get(alert, "30m"), "alertname": alert, "exp_alerts": []}],
    }
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (folder / "test.yaml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("alert", CASES)
def test_it_fires_with_its_summary(promtool: str, tmp_path: Path, alert: str) -> None:
    series, summary, _ = CASES[alert]
    said = alerts(promtool, tmp_path, alert, series)  # nothing is expected, so promtool shows what there is
    assert summary in said


@pytest.mark.parametrize("alert", CASES)
def test_it_is_quiet_otherwise(promtool: str, tmp_path: Path, alert: str) -> None:
    assert alerts(promtool, tmp_path, alert, CASES[alert][2]) == ""


def test_nobody_scaling_is_also_when_no_scaler_says_anything(promtool: str, tmp_path: Path) -> None:
    assert "No scaler carries plans out" in alerts(promtool, tmp_path, "TidegateNobodyScales", {"up": "1x60"})
