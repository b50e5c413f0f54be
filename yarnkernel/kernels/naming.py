"""Finds the kernel that a user means by an id, the number at its end, a name, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.errors import ClusterError, UsageError
from yarnkernel.kernels import places
from yarnkernel.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnkernel.kernels.handle import Status

#: Most kernels named in an error.
_NAMED = 8


def find_id(text: str, *, ended: bool = False) -> str:
    """Return the id of a kernel.

    Parameters
    ----------
    text : str
        An id, the number or digits at its end, or a name or the beginning of one, if only one
        kernel of the user matches; empty for the user's only kernel.
    ended : bool, default False
        Consider ended kernels if no running one matches.

    Raises
    ------
    UsageError
        When it matches no kernel or several.
    """
    if text and places.is_kernel(text):
        return text
    for look_back in (False, True) if ended and text else (False,):
        found = _own(text, ended=look_back)
        called = [status for status in found if _fits(status, text)]
        called = [status for status in called if status.name == text] or called
        if len(called) == 1:
            return called[0].id
        if called:
            what = f"several kernels are called {text!r}" if text else "you have several kernels"
            raise UsageError(f"{what}: {_names(called)}; next: name one by its id")
    if not text:
        raise UsageError("you have no kernel; next: yarnkernel start")
    if not ended and (over := [one for one in _own(text, ended=True) if _fits(one, text)]):
        last = over[-1]
        raise UsageError(
            f"{last.id} ({printable(last.name)}) has ended: {last.outcome}; next: yarnkernel logs "
            f"{last.id}"
        )
    raise UsageError(
        f"no kernel of yours is called {text!r}: write its id, the number at its end, or its name; "
        "next: yarnkernel list"
    )


def newest() -> str:
    """Return the id of the user's newest kernel; empty if there is none."""
    started = [status for status in _own("", ended=False) if status.start_time is not None]
    latest = max(started, key=lambda status: status.start_time or 0, default=None)
    return latest.id if latest else ""


def _own(text: str, *, ended: bool) -> list[Status]:
    try:
        return places.list_kernels(ended=ended, user=None)
    except ClusterError as exc:
        what = f"{text!r} is not an id, and names cannot be looked up" if text else "no kernel"
        raise UsageError(f"{what}: {exc}") from exc


def _fits(status: Status, text: str) -> bool:
    end = status.id.rpartition("_" if places.is_application(status.id) else "-")[2]
    if text.isdecimal() and places.is_application(status.id):
        return int(end) == int(text)
    return not text or end == text or status.name.startswith(text)


def _names(kernels: Iterable[Status]) -> str:
    shown = [f"{status.id} ({printable(status.name)})" for status in kernels]
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more
