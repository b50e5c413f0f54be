"""Finds the targets that a text names: kernelspecs, running kernels, groups and patterns."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnkernel.errors import PlaceError, UsageError
from yarnkernel.groups.origin import Origin
from yarnkernel.jupyter.kernelspec import find_kernelspecs
from yarnkernel.kernels import places

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_SEVERAL = re.compile(r"(.+)\*(\d+)")
#: The most targets of one command.
MOST = 200


@dataclass(frozen=True)
class Named:
    """A target that was named.

    Attributes
    ----------
    label : str
        Its name.
    origin : Origin
        Where it comes from.
    directory : str
        The directory in which its code is to run; empty if none is given.
    """

    label: str
    origin: Origin
    directory: str = ""


class Finder:
    """Finds targets by their names.

    Parameters
    ----------
    known : mapping of str to Origin
        Existing targets.
    groups : mapping of str to str
        The targets of groups, by the groups' names.
    """

    def __init__(self, known: Mapping[str, Origin], groups: Mapping[str, str]) -> None:
        self._known = known
        self._groups = groups

    def find(self, text: str, *, inside: Collection[str] = ()) -> list[Named]:
        """Return the targets that a text like ``kernel1:/dir,yarn*4`` names, each once.

        Parameters
        ----------
        text : str
            Names separated by commas.
        inside : collection of str, optional
            Groups that this text is a part of.

        Raises
        ------
        UsageError
            When a name matches no target, or several.
        """
        found: dict[str, Named] = {}
        for word in filter(None, (part.strip() for part in text.split(","))):
            name, _, directory = word.partition(":")
            for one in self._named(name, inside):
                found[one.label] = replace(one, directory=directory or one.directory)
        if not found:
            raise UsageError(f"{text!r} names no target")
        if len(found) > MOST:
            raise UsageError(f"{text!r} names {len(found)} targets; {MOST} are the most")
        return list(found.values())

    def _named(self, name: str, inside: Collection[str]) -> list[Named]:
        if name in self._known:
            return [Named(name, self._known[name])]
        if name in self._groups:
            if name in inside:
                raise UsageError(f"the group {name!r} has itself in it")
            return self.find(self._groups[name], inside={*inside, name})
        if several := _SEVERAL.fullmatch(name):
            count = int(several[2])
            if not 0 < count <= MOST:
                raise UsageError(f"{name!r}: 1 to {MOST} of one kind")
            (one,) = self._one(several[1])
            if one.origin.kernel:
                raise UsageError(f"{name!r}: of a kernel that runs there is one")
            labels = [f"{one.label}_{number}" for number in range(1, count + 1)]
            return [Named(label, self._known.get(label, one.origin)) for label in labels]
        if any(c in name for c in "*?["):
            return self._matching(name)
        return self._one(name)

    def _matching(self, pattern: str) -> list[Named]:
        known = {label: Named(label, origin) for label, origin in self._known.items()}
        specs = {name: Named(name, Origin(name)) for name in find_kernelspecs()}
        everything = {**specs, **known}
        found = [one for name, one in everything.items() if fnmatch.fnmatchcase(name, pattern)]
        if not found:
            raise UsageError(
                f"{pattern!r} matches no target and no kernelspec; there are "
                f"{', '.join(sorted(everything))}"
            )
        return found

    def _one(self, name: str) -> list[Named]:
        specs = find_kernelspecs()
        if name in specs:
            return [Named(name, Origin(name))]
        if places.is_kernel(name):
            return [Named(name, Origin(kernel=name))]
        running = self._running(name)
        if len(running) == 1:
            return [Named(name, Origin(kernel=running[0]))]
        if running:
            raise UsageError(f"{name!r} could be {', '.join(running)}; next: name it by its id")
        return [Named(name, Origin(_by_part(name, list(specs))))]

    @staticmethod
    def _running(name: str) -> Sequence[str]:
        """Return the ids of running kernels with a name."""
        try:
            found = places.list_kernels(user=None)
        except PlaceError:  # without a cluster there are no kernels on it
            return []
        return [status.id for status in found if status.name == name]


def _by_part(name: str, specs: Sequence[str]) -> str:
    """Return the only kernelspec whose name matches in part, as remote_exec does."""
    found = [spec for spec in specs if name in spec]
    if len(found) != 1:
        pattern = re.compile(".*?".join(map(re.escape, name.split("_"))), re.IGNORECASE)
        found = [spec for spec in specs if pattern.search(spec)]
    if len(found) == 1:
        return found[0]
    what = f"could be {', '.join(found)}" if found else "is no target, kernelspec or running kernel"
    raise UsageError(
        f"{name!r} {what}; kernelspecs: {', '.join(sorted(specs))}; next: jupyter kernelspec list, "
        "yarnkernel list"
    )
