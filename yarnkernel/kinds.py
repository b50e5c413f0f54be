"""Checks the types of JSON values that others have written."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

#: Integers that any library accepts.
LARGEST = 2**63
#: The year 3000 in seconds since 1970: much later times cannot be displayed.
LAST_MOMENT = 32503680000.0


def fits(value: object, kind: Any) -> bool:
    """Return whether a value, with all its parts, has a type.

    Parameters
    ----------
    value : object
        A JSON value.
    kind : type
        An annotation: str, bool, int, float (a time or a duration in seconds, never negative),
        None, list, dict, a TypedDict, unions of these, or Any.
    """
    if kind is Any:
        return True
    if is_typeddict(kind):
        return _fits_fields(value, kind)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in get_args(kind))
    if origin is dict:
        keys, values = get_args(kind)
        return isinstance(value, dict) and all(
            fits(key, keys) and fits(one, values) for key, one in value.items()
        )
    if origin is list:
        return isinstance(value, list) and all(fits(one, get_args(kind)[0]) for one in value)
    return _is_one(value, kind)


def _is_one(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, (int, float)) and 0 <= value <= LAST_MOMENT
    return isinstance(value, kind) and (not isinstance(value, int) or abs(value) < LARGEST)


def _fits_fields(value: object, kind: Any) -> bool:
    hints = get_type_hints(kind)
    return (
        isinstance(value, dict)
        and kind.__required_keys__ <= value.keys()
        and all(fits(value[name], hint) for name, hint in hints.items() if name in value)
    )
