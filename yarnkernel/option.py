"""An option, declared once, for all code that reads, checks, writes or explains its values."""

from __future__ import annotations

import dataclasses
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.shell import is_variable_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
#: Digits of an integer that any library accepts.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Option:
    """An option.

    Attributes
    ----------
    help : str
        What it means.
    name : str
        Its name in Python and JSON.
    kind : type
        The type of its values: str, int, float, bool, list (of str) or dict (of str to str).
    default : object
        Its value if none is given.
    unset : str
        What that default means.
    unit : str
        The unit of a number.
    metavar : str
        The placeholder of a value.
    group : str
        The heading that it is listed under.
    spelled : tuple of str
        Its spellings on a command line; by default ``--name``.
    constants : mapping of str to object
        Further spellings, each of which sets one value.
    choices : tuple of str
        The only values.
    least, most : float
        Bounds of a number.
    above : bool
        Whether ``least`` itself is excluded.
    per_launch : bool
        Whether an environment variable may change it for one launch.
    only : tuple of str
        The interfaces that support it; all if empty.
    direct : bool
        Whether it needs the direct way.
    any_way : tuple
        Values that any way supports.
    recipe : str
        The option of the recipe that it becomes.
    as_command : bool
        Whether a list is given as one text and split as by a shell.
    is_path : bool
        Whether a text is a path on this machine, unless it is a URL.
    for_empty : str
        The meaning of an empty text.
    secret : bool
        Whether messages must not show its values.
    also : callable, optional
        A further check; raises UsageError.
    """

    help: str
    name: str = ""
    kind: type = str
    default: Any = None
    unset: str = ""
    unit: str = ""
    metavar: str = ""
    group: str = ""
    spelled: tuple[str, ...] = ()
    constants: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = 2**31 - 1
    above: bool = False
    per_launch: bool = False
    only: tuple[str, ...] = ()
    direct: bool = False
    any_way: tuple[Any, ...] = ()
    recipe: str = ""
    as_command: bool = False
    is_path: bool = False
    for_empty: str = ""
    secret: bool = False
    also: Callable[[Any], None] | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """Its spellings on a command line."""
        return self.spelled or ("--" + self.dashed,)

    @property
    def flag(self) -> str:
        """Its first long spelling."""
        return next(flag for flag in self.flags if flag.startswith("--"))

    @property
    def dashed(self) -> str:
        """Its name with dashes."""
        return self.name.replace("_", "-")

    @property
    def help_text(self) -> str:
        """Its meaning, and the way or interface that it needs."""
        text = self.help
        if self.direct:
            which = " and ".join(value for value in self.choices if value not in self.any_way)
            text = f"{text}; {which} needs the direct way".replace(";  needs", "; needs")
        return f"{text} ({', '.join(self.only)} only)" if self.only else text

    @property
    def default_text(self) -> str:
        """Its default in words."""
        return self.unset or self.value_text(self.default)

    def value_text(self, value: Any) -> str:
        """Return a value in words."""
        if self.kind is bool:
            return "yes" if value else "no"
        if self.kind is list:
            return (shlex.join(value) if self.as_command else "; ".join(value)) or "none"
        if self.kind is dict:
            return ", ".join(value) or "none"
        if self.kind in (int, float):
            return " ".join(filter(None, (number_text(value), _SHORT.get(self.unit, ""))))
        return str(value)

    @property
    def wanted(self) -> str:
        """What a valid value is, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.kind not in (int, float):
            return _WANTED[self.kind]
        least, most = number_text(self.least), number_text(self.most)
        noun = "a whole number" if self.kind is int else _NOUNS[self.unit]
        bounds = f"above {least} and at most {most}" if self.above else f"from {least} to {most}"
        return f"{noun} {bounds}"

    def fits(self, value: object) -> bool:
        """Return whether a JSON value is valid."""
        if self.kind in (int, float):
            return self._fits_number(value)
        if self.choices:
            return value in self.choices
        if self.kind is list:
            return isinstance(value, list) and all(_is_text(part) for part in value)
        if self.kind is dict:
            return isinstance(value, dict) and all(
                _is_text(part) for pair in value.items() for part in pair
            )
        return isinstance(value, bool) if self.kind is bool else _is_text(value)

    def _fits_number(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if not (self.least < value if self.above else self.least <= value) or value > self.most:
            return False
        return self.kind is float or value == int(value)

    def is_default(self, value: object) -> bool:
        """Return whether a value equals the default."""
        same_kind = isinstance(value, bool) == isinstance(self.default, bool)
        return same_kind and bool(value == self.default)

    def checked(self, value: Any) -> Any:
        """Return a value if it is valid.

        Raises
        ------
        UsageError
            When it is not; names the option.
        """
        if self.is_default(value):
            return self.default if self.kind in (int, float) else value
        if not self.fits(value):
            shown = "" if self.secret else f", not {_shown(value)}"
            raise UsageError(f"the option {self.name!r} has to be {self.wanted}{shown}")
        if self.also is not None:
            self.also(value)
        return self.kind(value) if self.kind in (int, float) else value

    def parse(self, text: str) -> Any:
        """Read a value from text.

        The text is one item of a list or mapping, except for a command.

        Raises
        ------
        ValueError
            When it is invalid; says why.
        """
        value: Any = None
        if self.kind is str:
            value = self._absolute(text or self.for_empty)
        elif self.kind is list:
            value = _parse_command(text) if self.as_command else [self._absolute(text)]
        elif self.kind is dict:
            name, equals, rest = text.partition("=")
            if not equals or not is_variable_name(name):
                raise ValueError(f"{text!r} is not NAME=VALUE")
            value = {name: rest}
        elif self.kind is bool:
            value = _SWITCH.get(text.lower())
        elif self.kind is int:
            value = int(text) if _WHOLE.fullmatch(text) else None
        else:
            value = _parse_float(text)
        if not self.fits(value):
            raise ValueError(f"{text!r} is not {self.wanted}")
        return value

    def _absolute(self, text: str) -> str:
        if not self.is_path or not text or "://" in text:
            return text
        return str(Path(text).expanduser().absolute())

    def spell(self, value: Any, flag: str = "") -> list[str]:
        """Write a value as command-line arguments, the inverse of :meth:`parse`.

        Parameters
        ----------
        value : object
            The value; one that cannot be spelled is the default.
        flag : str, optional
            Another command line's spelling.
        """
        for constant, meant in () if flag else self.constants.items():
            if meant == value and type(meant) is type(value):
                return [constant]
        flag = flag or self.flag
        if self.kind is bool:
            return [flag] if value else []
        return [f"{flag}={text}" for text in self._texts(value)]

    def _texts(self, value: Any) -> list[str]:
        if self.kind in (int, float):
            return [number_text(value)] if self.fits(value) else []
        if not value:
            return []
        if self.kind is dict:
            return [f"{name}={text}" for name, text in value.items()]
        if self.kind is list:
            return [shlex.join(value)] if self.as_command else value
        return [value]

    def needs_direct(self, value: object) -> bool:
        """Return whether this value needs the direct way."""
        return self.direct and not self.is_default(value) and value not in self.any_way


_SHORT = {"seconds": "s", "percent": "%"}
_NOUNS = {"seconds": "a number of seconds", "percent": "a percentage"}
_WANTED = {
    str: "text",
    bool: "true or false",
    list: "a list of texts",
    dict: "a mapping of names to texts",
}


def number_text(value: object) -> str:
    """Write a number exactly, and an integer without a decimal point."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)  # type: ignore[call-overload]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."  # noqa: PLR2004


def _is_text(value: object) -> bool:
    """Return whether a value can be part of a command line."""
    return isinstance(value, str) and "\0" not in value


def _parse_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _parse_command(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise ValueError(f"{text!r} is no command: {exc}") from None
    if not words:
        raise ValueError("the command is empty")
    return words
