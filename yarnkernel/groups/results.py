"""The results of code on several kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from yarnkernel.kernels.results import CellError, CodeError, Result


@dataclass(frozen=True)
class TargetResult(Result):
    """The result of one target: a :class:`~yarnkernel.Result`, and values.

    Attributes
    ----------
    values : dict
        The requested variables.
    problems : dict of str to str
        Why variables could not be fetched or sent, by name.
    seconds : float
        The time that it took, including the start of the kernel if it was started.
    """

    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class GroupError(CodeError):
    """Code failed on some kernels of a group.

    Parameters
    ----------
    errors : dict of str to CellError
        Why, by the targets' names.
    count : int
        The number of targets.

    Attributes
    ----------
    errors : dict of str to CellError
        Why, by the targets' names.
    """

    def __init__(self, errors: dict[str, CellError], count: int) -> None:
        super().__init__(next(iter(errors.values())))
        self.errors = errors
        alike: dict[str, list[str]] = {}
        for label, error in errors.items():
            alike.setdefault(error.summary, []).append(label)
        lines = [f"{text} (on {', '.join(labels)})" for text, labels in alike.items()]
        head = f"{len(errors)} of {count} targets failed" if count > 1 else ""
        self._text = "\n".join([head, *lines] if head else lines)

    def __str__(self) -> str:
        return self._text

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows; the traceback was shown with the outputs."""
        return [f"{type(self).__name__}: {self._text}"]


class GroupResult(Mapping[str, TargetResult]):
    """The results of code, by the targets' names.

    Parameters
    ----------
    results : dict of str to TargetResult
        The result of each target.
    """

    def __init__(self, results: dict[str, TargetResult]) -> None:
        self._results = results

    def __getitem__(self, label: str) -> TargetResult:
        return self._results[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        states = (f"{label}: {'ok' if one.ok else one.error}" for label, one in self.items())
        return f"<{type(self).__name__} {', '.join(states)}>"

    @property
    def ok(self) -> bool:
        """Whether no target has failed."""
        return all(one.ok for one in self.values())

    @property
    def slowest(self) -> str:
        """The target that took the longest."""
        return max(self, key=lambda label: self[label].seconds)

    def check(self) -> GroupResult:
        """Return itself unless a target has failed.

        Raises
        ------
        GroupError
            When a target has failed.
        """
        errors = {label: one.error for label, one in self.items() if one.error is not None}
        if errors:
            raise GroupError(errors, len(self))
        return self
