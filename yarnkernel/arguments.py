"""The parser that all command lines of this package share, and checks of arguments."""

from __future__ import annotations

import argparse
import difflib
import math
from typing import TYPE_CHECKING, Any, NoReturn

from yarnkernel.connection import KERNEL_INFO_KEY
from yarnkernel.deadline import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from yarnkernel.option import Option

#: Digits of an integer that any library accepts.
DIGITS = 18
#: Similarity from which a word is suggested; 1 is equal.
_LIKE = 0.7


class Parser(argparse.ArgumentParser):
    """argparse's parser, with usage errors of one line, and no abbreviations of options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # An abbreviation that is unique today may fit two options tomorrow.
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where to find help; exit with 2."""
        self.exit(2, f"{self.prog}: {message}; next: {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:  # noqa: SLF001
            raise argparse.ArgumentError(
                None, f"there is no command {value!r}{guess(value, action.choices)}"
            )
        super()._check_value(action, value)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Print which arguments are unknown and what may have been meant; exit with 2."""
        option = next((word for word in unknown if word.startswith("-")), "")
        if option in self._option_string_actions:  # an option of ours, typed before the command
            self.error(f"{option} comes after {self.prog}, not before it")
        meant = guess(option.partition("=")[0], self._option_string_actions)
        self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")


def guess(word: str, known: Iterable[str]) -> str:
    """Return a "did you mean" question; empty if nothing is similar."""
    found = difflib.get_close_matches(word, list(known), 1, _LIKE) if word else []
    return f"; did you mean {found[0]}?" if found else ""


def seconds(text: str) -> float:
    """Read a number of seconds, more than 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def timeout(text: str) -> float:
    """Read a number of seconds, more than 0 and within the range of all waits."""
    value = seconds(text)
    if value > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {LONGEST:.0f} s, 20 days")
    return value


def count(text: str) -> int:
    """Read an integer, 1 or more."""
    if not text.isdecimal() or len(text) > DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def reader(option: Option) -> Callable[[str], Any]:
    """Return the function that reads an option's value."""

    def read(text: str) -> Any:
        try:
            return option.parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None

    return read


def metavar_of(option: Option) -> str:
    """Return the placeholder of a value in usage texts."""
    if option.choices:
        return "|".join(option.choices)
    return option.metavar or _METAVARS.get(option.unit) or option.dashed.upper()


def add_option(
    parser: argparse._ActionsContainer,
    option: Option,
    default: Any = argparse.SUPPRESS,
    taken: Collection[str] = (),
) -> None:
    """Add an option to a command line.

    Parameters
    ----------
    parser : argparse.ArgumentParser, or a group of one
        The parser.
    option : Option
        The option.
    default : object, optional
        The value if the option is not given. By default there is none.
    taken : collection of str, optional
        Spellings that have another meaning there.
    """
    flags = [flag for flag in option.flags if flag not in taken]
    default_text = option.unset or (option.default_text if option.kind in (int, float) else "")
    text = option.help_text + (f" (default: {default_text})" if default_text else "")
    known = {"dest": option.name, "default": default, "help": text.replace("%", "%%")}
    if option.constants:
        parser = parser.add_mutually_exclusive_group()
    if option.kind is not bool:
        parser.add_argument(
            *flags,
            type=reader(option),
            action="store" if option.as_command else _ACTIONS.get(option.kind, "store"),
            # Checked by the type; listed for the help and for completion.
            choices=option.choices or None,
            metavar=metavar_of(option),
            **known,
        )
    elif not option.constants:
        parser.add_argument(*flags, action="store_true", **known)
    for flag, value in option.constants.items():
        words = f"the same as {option.flag} {value}" if option.kind is not bool else text
        parser.add_argument(
            flag, action="store_const", const=value, **{**known, "help": words.replace("%", "%%")}
        )


class _Update(argparse.Action):
    """The counterpart of "extend" for a mapping."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        setattr(namespace, self.dest, {**getattr(namespace, self.dest, {}), **values})


_METAVARS = {"seconds": "SECONDS", "percent": "PERCENT"}
_ACTIONS: dict[type, Any] = {list: "extend", dict: _Update}


def add_kernel_info_key(parser: argparse.ArgumentParser) -> None:
    """Add ``--kernel-info-key``."""
    parser.add_argument(
        "--kernel-info-key",
        default=KERNEL_INFO_KEY,
        metavar="KEY",
        help="key that the recipe publishes under (default: %(default)s)",
    )


def add_timeout(parser: argparse.ArgumentParser, what: str, default: float) -> None:
    """Add ``--timeout``."""
    parser.add_argument(
        "--timeout",
        type=timeout,
        default=default,
        metavar="SECONDS",
        help=f"{what} (default: {default:.0f} s)",
    )
