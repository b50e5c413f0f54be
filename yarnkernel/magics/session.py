"""The targets of an IPython session, which end with it."""

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
    """Gives access to a target's variables in the notebook: ``kernel1.x``."""

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
        """Return the targets that a text names, or those of the last text if it is empty.

        Raises
        ------
        UsageError
            When there are none, or one is unknown.
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
        """Return the known targets of a text, without a search elsewhere."""
        if text == "all":
            return [Named(label, target.origin) for label, target in self._targets.items()]
        found = self.find(text)
        missing = [one.label for one in found if one.label not in self._targets]
        if missing:
            there = ", ".join(self._targets) or "none"
            raise UsageError(f"{', '.join(missing)}: no target of this session; there are: {there}")
        return found

    def take(self, named: Sequence[Named], text: str, **more: Any) -> list[Target]:
        """Return targets; make those that do not exist.

        Parameters
        ----------
        named : sequence of Named
            Which.
        text : str
            The text that named them, for the next command without names.
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
        """Forget a target."""
        if self._targets.get(target.label) is target:
            del self._targets[target.label]

    # --- variables of the notebook

    def variable(self, label: str) -> str:
        """Return the name of a target's variable."""
        name = re.sub(r"\W", "_", label)
        return name if name.isidentifier() else f"_{name}"

    def check_variables(self, labels: Sequence[str]) -> None:
        """Check that no variable of the user would be overwritten.

        Raises
        ------
        UsageError
            When one would be.
        """
        for label in labels:
            name = self.variable(label)
            if not isinstance(self._variables.get(name, RemoteKernel("")), RemoteKernel):
                raise UsageError(
                    f"values of {label} would come as {name}.x, and {name} is a variable of yours; "
                    f"next: del {name}"
                )

    def put(self, job: Job) -> None:
        """Set a target's values as attributes of its variable."""
        name = self.variable(job.label)
        there = self._variables.setdefault(name, RemoteKernel(job.label))
        if isinstance(there, RemoteKernel):
            vars(there).update(job.result.values)
