"""docs/operations/kubernetes.md says what every alert, and every reason not to scale, means."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operations" / "kubernetes.md").read_text()


def test_every_alert_is_explained_and_no_other() -> None:
    rules = yaml.safe_load((ROOT / "k8s" / "overlays" / "prometheus" / "rules.yaml").read_text())
    alerts = {rule["alert"] for group in rules["spec"]["groups"] for rule in group["rules"]}
    assert set(re.findall(r"^\| `(Tidegate\w+)` \|", PAGE, re.MULTILINE)) == alerts


def test_every_metric_of_an_alert_is_one_that_a_service_has() -> None:
    text = (ROOT / "k8s" / "overlays" / "prometheus" / "rules.yaml").read_text()
    for service, name in set(re.findall(r"tidegate_(scaler|router|forecaster)_(\w+)", text)):
        source = (ROOT / service / "metrics.py").read_text()
        plain = name.removesuffix("_total")
        assert f'"{plain}"' in source or f'"tidegate_{service}_{plain}"' in source, f"tidegate_{service}_{name}"


def test_every_reason_not_to_scale_is_explained() -> None:
    sources = [path.read_text() for path in (ROOT / "scaler" / "kubernetes").glob("*.py")]
    reasons = {
        reason
        for source in sources
        for reason in re.findall(r'Condition\(\s*"Active",\s*False,\s*"(\w+)"', source)
        if reason != "NotLeading"  # never written: the status is the leader's
    }
    assert reasons
    assert all(f"`{reason}`" in PAGE for reason in reasons)
