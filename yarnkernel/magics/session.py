"""The targets of an IPython session: kept from cell to cell, ended with it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.groups.find import Finder, Named
from yarnkernel.groups.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.groups.job import Job


class RemoteKernel:
    """A target's variables in the notebook: ``kernel1.x``."""

    def __init__(self, label: str) -> None:
        self.__dict__["_label"] = label

    def __repr__(self) -> str:
        values = {name: value for name, value in vars(self).items() if name != "_label"}
        return repr(values)


class RemoteSession:
    """The targets of a session.

    Parameters
    ----------
    variables : dict
        The notebook's.
    """

    def __init__(self, variables: dict[str, Any]) -> None:
        self._variables = variables
        self._targets: dict[str, Target] = {}
        self.groups: dict[str, str] = {}
        self._last = ""

    @property
    def targets(self) -> Sequence[Target]:
        """All of them."""
        return list(self._targets.values())

    def find(self, text: str | None, *, only_known: bool = False) -> list[Named]:
        """Return what a text names; without one what the last did.

        Raises
        ------
        UsageError
            When that is nothing, or nothing that is known.
        """
        text = text or self._last
        if not text:
            raise UsageError("where: there is no -k TARGETS, and nothing ran before")
        if match := re.fullmatch(r"\{(\w+)\}", text):
            text = str(self._variables.get(match[1], ""))
        known = {label: target.origin for label, target in self._targets.items()}
        if only_known:
            return self._known(text)
        return Finder(known, self.groups).find(text)

    def _known(self, text: str) -> list[Named]:
        """Return those of a text that are there already: nothing is looked for elsewhere."""
        if text == "all":
            return [Named(label, target.origin) for label, target in self._targets.items()]
        found = self.find(text)
        missing = [one.label for one in found if one.label not in self._targets]
        if missing:
            there = ", ".join(self._targets) or "none"
            raise UsageError(f"{', '.join(missing)}: no target of this session; there are: {there}")
        return found

    def take(self, named: Sequence[Named], text: str, **more: Any) -> list[Target]:
        """Return targets, new ones for those that are not there.

        Parameters
        ----------
        named : sequence of Named
            Which.
        text : str
            What they were named by, for who names none the next time.
        **more
            Fields of :class:`~yarnkernel.groups.origin.Origin` of new ones.
        """
        found = []
        for one in named:
            target = self._targets.get(one.label)
            if target is None:
                target = self._targets[one.label] = Target(one.label, replace(one.origin, **more))
            found.append(target)
        self._last = text or self._last
        return found

    def forget(self, target: Target) -> None:
        """Know a target no more."""
        if self._targets.get(target.label) is target:
            del self._targets[target.label]

    # --- variables of the notebook

    def variable(self, label: str) -> str:
        """Return the variable that has a target's values."""
        name = re.sub(r"\W", "_", label)
        return name if name.isidentifier() else f"_{name}"

    def check_variables(self, labels: Sequence[str]) -> None:
        """Make sure that no variable of the user's stands where values are to come.

        Raises
        ------
        UsageError
            When one does.
        """
        for label in labels:
            name = self.variable(label)
            if not isinstance(self._variables.get(name, RemoteKernel("")), RemoteKernel):
                raise UsageError(
                    f"values of {label} would come as {name}.x, and {name} is a variable of yours; "
                    f"next: del {name}"
                )

    def put(self, job: Job) -> None:
        """Make a target's values attributes of its variable."""
        name = self.variable(job.label)
        there = self._variables.setdefault(name, RemoteKernel(job.label))
        if isinstance(there, RemoteKernel):
            vars(there).update(job.result.values)
