"""Options as a JSON schema, draft 2020-12."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.option import Option

_TYPES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
}
#: Text that is allowed on a command line.
_TEXT = {"type": "string", "pattern": "^[^\\u0000]*$"}


def schema(table: Mapping[str, Option], title: str) -> dict[str, Any]:
    """Return the schema of an object with these options.

    Rules beyond types and ranges, such as that a command names the connection file, are checked
    when the options are read.

    Parameters
    ----------
    table : mapping of str to Option
        The options.
    title : str
        The schema's title.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": {name: _property(option) for name, option in table.items()},
        "additionalProperties": False,
    }


def _property(option: Option) -> dict[str, Any]:
    value = _value(option)
    if not option.fits(option.default):
        value = {"anyOf": [{"const": option.default}, value]}
    default = f" (default: {option.unset})" if option.unset else ""
    unit = f", in {option.unit}" if option.unit and option.kind is not str else ""
    return {
        "description": f"{option.help_text}{unit}{default}",
        "default": option.default,
        **value,
    }


def _value(option: Option) -> dict[str, Any]:
    if option.choices:
        return {"enum": list(option.choices)}
    if option.kind is str:
        return dict(_TEXT)
    found: dict[str, Any] = {"type": _TYPES[option.kind]}
    if option.kind in (int, float):
        found["exclusiveMinimum" if option.above else "minimum"] = option.least
        found["maximum"] = option.most
    elif option.kind is list:
        found["items"] = _TEXT
    elif option.kind is dict:
        found["propertyNames"] = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
        found["additionalProperties"] = _TEXT
    return found
