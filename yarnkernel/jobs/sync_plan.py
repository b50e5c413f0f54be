"""Plans what to transfer to make two directories the same, given their last common state.

Nothing is transferred here.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yarnkernel.hosts.tree import LEFT_OUT, identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    #: By paths: see :data:`yarnkernel.hosts.tree.Entry`.
    Entries = Mapping[str, list[Any]]

_BOTH = "it has changed on both sides"


@dataclass
class SyncPlan:
    """What is to be done, as paths in an order in which that is possible.

    Attributes
    ----------
    send, fetch : list of str
        What has changed here, or there.
    gone_here, gone_there : list of str
        What one side no longer has, and the other has unchanged.
    conflicts, left_out : dict of str to str
        What is left unchanged, and why.
    """

    send: list[str] = field(default_factory=list)
    fetch: list[str] = field(default_factory=list)
    gone_here: list[str] = field(default_factory=list)
    gone_there: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def make_plan(here: Entries, there: Entries, base: Mapping[str, list[Any]]) -> SyncPlan:
    """Compare two sides with their last common state.

    Parameters
    ----------
    here, there : mapping of str to list
        The entries on each side.
    base : mapping of str to list
        What both had in common the last time, as :func:`yarnkernel.hosts.tree.identity` returns it.
    """
    plan = SyncPlan()
    blocked: set[str] = set()
    for path in sorted(here.keys() | there.keys()):
        is_free = posixpath.dirname(path) not in blocked
        if not (is_free and _decide(plan, path, here.get(path), there.get(path), base.get(path))):
            blocked.add(path)
    return plan


def _decide(
    plan: SyncPlan,
    path: str,
    here: list[Any] | None,
    there: list[Any] | None,
    base: list[Any] | None,
) -> bool:
    """Decide on one path; return False if nothing below it may be touched."""
    sides = [entry for entry in (here, there) if entry is not None]
    out = [entry for entry in sides if entry[0] == LEFT_OUT]
    if out and len(out) == len(sides):
        plan.left_out[path] = out[0][3]
        return False
    if out or len({entry[0] for entry in sides}) > 1:
        plan.conflicts[path] = "each side has something of another kind there"
        return False
    one, other = identity(here), identity(there)
    if one == other:
        return True
    if other == base:
        (plan.send if here is not None else plan.gone_here).append(path)
    elif one == base:
        (plan.fetch if there is not None else plan.gone_there).append(path)
    else:
        gone = "here" if here is None else "there" if there is None else ""
        plan.conflicts[path] = f"it is gone {gone} and has changed since" if gone else _BOTH
        return False
    return True
