"""How every service reads its settings: flag over environment over file; an unknown key is an error.

A service declares a frozen `Settings` subclass with a docstring under each field. The file is TOML with one table
per service (`[router]`, `[model_server]`, `[forecaster]`, `[scaler]`), so that one file configures all four.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from tidegate.shared.errors import InvalidSetting
from tidegate.shared.logging import LogLevel

FILE_SECTIONS = ("router", "model_server", "forecaster", "scaler")


def check_address(value: str) -> str:
    """A `host:port`; the port 0 takes a free one. Raises ValueError."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{value!r} is not host:port, for example 127.0.0.1:8001")
    return value


Address = Annotated[str, AfterValidator(check_address)]


class Table(BaseModel):
    """Base of a table within a file: frozen, every key known, each described by the docstring under it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


class Settings(BaseSettings):
    """Base of a service's settings, with what all services have. Subclasses name their table in `section`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )
    section: ClassVar[str] = ""

    metrics_listen: Address | None = None
    """host:port for Prometheus metrics over HTTP; none unless given."""
    log_level: LogLevel = "info"
    """Least severe level that is logged: debug, info, warning or error."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`load` hands over the sources in their order itself."""
        return (init_settings,)


S = TypeVar("S", bound=Settings)


def load(settings_type: type[S], file: Path | None = None, flags: Mapping[str, Any] | None = None) -> S:
    """Settings of one service from its flags, the environment and its table of the file, in that order.

    Flags that are None or empty tuples were not given. Environment variables are `TIDEGATE_<SECTION>_<FIELD>`,
    lists and tables as JSON. Raises InvalidSetting naming the place, the key and the value.
    """
    section = settings_type.section
    prefix = f"TIDEGATE_{section.upper()}_"
    given = {key: value for key, value in (flags or {}).items() if value is not None and value != ()}
    fields = set(settings_type.model_fields)
    unknown = [name for name in os.environ if name.startswith(prefix) and name[len(prefix) :].lower() not in fields]
    if unknown:
        raise InvalidSetting(f"environment variable {unknown[0]} names no setting of {section}")
    try:
        environment = EnvSettingsSource(settings_type, env_prefix=prefix)()
        return settings_type(**{**read_file(file).get(section, {}), **environment, **given})
    except SettingsError as error:
        raise InvalidSetting(f"environment variables {prefix}*: {error}; lists and tables are JSON") from None
    except ValidationError as error:
        source = f" (config file {file})" if file else ""
        raise InvalidSetting(f"{section} settings{source}: {problems_of(error)}") from None


def read_file(file: Path | None) -> dict[str, dict[str, Any]]:
    """The tables of a TOML file; {} without one. Raises InvalidSetting."""
    if file is None:
        return {}
    try:
        tables = tomllib.loads(file.read_text())
    except OSError as error:
        raise InvalidSetting(f"config file {file}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSetting(f"config file {file}: {error}") from None
    for name, table in tables.items():
        if name not in FILE_SECTIONS or not isinstance(table, dict):
            raise InvalidSetting(f"config file {file}: unknown table {name!r}; known: {', '.join(FILE_SECTIONS)}")
    return tables


def problems_of(error: ValidationError) -> str:
    """Every key that is unknown, missing or wrong, with its value, in one line."""
    problems = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")  # before what our own checks say
        if problem["type"] == "extra_forbidden":
            problems.append(f"unknown key {key!r}")
        elif problem["type"] == "missing":
            problems.append(f"{key} is required")
        elif not key:  # of the table as a whole, whose every value would stand here
            problems.append(said)
        else:
            problems.append(f"{key} = {problem['input']!r}: {said}")
    return "; ".join(problems)
