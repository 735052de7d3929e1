"""Writes settings files. (Python reads TOML, and has no writer.)"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def to_toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """A TOML document of one level of tables; lists of tables inside are written inline.

    Values are text, paths, numbers, booleans, and lists and mappings of them; a None is left out.
    """
    return "\n".join(f"[{name}]\n{_lines(table)}" for name, table in tables.items())


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items() if value is not None)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str() | Path():
            return _text(str(value))
        case Mapping():
            return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
        case Sequence():
            return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"no TOML for {value!r}")


def _text(text: str) -> str:
    return '"' + "".join(f"\\u{ord(sign):04x}" if _is_special(sign) else sign for sign in text) + '"'


def _is_special(sign: str) -> bool:
    return sign in '"\\' or ord(sign) < 32 or ord(sign) == 127
