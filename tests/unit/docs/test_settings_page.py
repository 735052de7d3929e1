"""docs/settings.md is the settings classes, written out. After a change: TIDEGATE_REWRITE=1 pytest tests/unit/docs"""

import types
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from forecaster.settings import ForecasterSettings
from model_server.settings import ModelServerSettings
from router.settings import RouterSettings
from scaler.settings import ScalerSettings
from tests.support.recorded import assert_recorded
from tidegate.shared.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
SERVICES: tuple[type[Settings], ...] = (RouterSettings, ModelServerSettings, ForecasterSettings, ScalerSettings)

HEAD = """# Settings

A flag wins over an environment variable, which wins over the file (`--config FILE`, TOML). The variable of a setting
is `TIDEGATE_<TABLE>_<KEY>` in capitals, lists and tables as JSON: `TIDEGATE_ROUTER_HOLD_S=30`. An unknown key or
variable is an error. This page is written from the code by its own test.
"""


def _nested(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in _nested(part)]


def _rows(model: type[BaseModel], table: str) -> list[str]:
    lines = [f"\n## `[{table}]`\n", "| key | default | what |", "|---|---|---|"]
    nested: list[str] = []
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no docstring"
        default = "(required)" if field.default is PydanticUndefined else f"`{_plain(field.default)}`"
        if field.default_factory is not None:
            default = "(see below)"
        what = " ".join(field.description.split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {default} | {what} |")
        for inner in _nested(field.annotation):
            nested += _rows(inner, f"{table}.{name}")
    return lines + nested


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return str(value)


def render() -> str:
    return HEAD + "\n".join(line for service in SERVICES for line in _rows(service, service.section)) + "\n"


def test_the_settings_page_is_the_code() -> None:
    assert_recorded(PAGE, render())
