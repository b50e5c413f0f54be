"""The Python API for several kernels: ``yarnkernel.Group``."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.groups.find import Finder, Named
from yarnkernel.groups.job import LIMIT, Job, Work
from yarnkernel.groups.run import Run
from yarnkernel.groups.steps import carry_out
from yarnkernel.groups.target import Target
from yarnkernel.kernels.results import Display, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from typing_extensions import Self

    from yarnkernel.groups.channels import Message
    from yarnkernel.groups.results import GroupResult
    from yarnkernel.kernels.results import Output


_log = logging.getLogger(__name__)


class _Told:
    """Passes outputs to a function, and messages for the user to a log."""

    def __init__(
        self,
        on_output: Callable[[str, Output], object] | None,
        on_input: Callable[[str, str], str] | None,
    ) -> None:
        self._on_output = on_output
        self._on_input = on_input

    def hear(self, job: Job, message: Message) -> None:
        if self._on_output is None:
            return
        content = message.content
        if message.kind == "stream":
            self._on_output(job.label, Stream(content["name"], content["text"]))
        elif "data" in content:
            is_value = message.kind == "execute_result"
            shown = Display(content["data"], content.get("metadata", {}), is_value=is_value)
            self._on_output(job.label, shown)

    def tell(self, job: Job, text: str) -> None:
        _log.warning("%s: %s", job.label, text)

    def end(self, job: Job) -> None:
        pass

    def ask(self, job: Job, prompt: str, *, password: bool) -> str | None:  # noqa: ARG002
        return None if self._on_input is None else self._on_input(job.label, prompt)


class Group:
    """Several kernels that run code at the same time; a context manager, which ends them.

    For use by one thread only. Kernels are started when they are used for the first time, and end
    with this process, even if it is killed.

    Parameters
    ----------
    targets : str or iterable of str
        Kernelspecs, ids or names of running kernels, patterns, or ``NAME*4`` for four of a kind,
        each optionally with a directory, as in ``"yarn*4,box:/data"``.
    keep : bool, default False
        Whether started kernels keep running when this process ends; kernels that ran before always
        do.
    **options
        Options for starting kernels, which override those of their kernelspecs: the fields of
        :class:`yarnkernel.LaunchOptions`.

    Attributes
    ----------
    labels : tuple of str
        The targets' names.

    Raises
    ------
    UsageError
        When a name matches no target, or several, or an option is invalid.
    """

    def __init__(self, targets: str | Iterable[str], *, keep: bool = False, **options: Any) -> None:
        text = targets if isinstance(targets, str) else ",".join(targets)
        found = Finder({}, {}).find(text)
        for one in found:
            one.origin.check(options)
        named = [
            replace(one, origin=replace(one.origin, options=options, keep=keep)) for one in found
        ]
        self._set_up([Target(one.label, one.origin) for one in named], named)

    @classmethod
    def of(cls, targets: Sequence[Target], named: Sequence[Named]) -> Self:
        """Make a group of existing targets, which the caller keeps."""
        group = cls.__new__(cls)
        Group._set_up(group, targets, named)
        return group

    def _set_up(self, targets: Sequence[Target], named: Sequence[Named]) -> None:
        self._targets = {target.label: target for target in targets}
        self._directories = {one.label: one.directory for one in named}
        self.labels = tuple(self._targets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __repr__(self) -> str:
        return f"<yarnkernel group {', '.join(map(repr, self._targets.values()))}>"

    def execute(
        self,
        code: str | Mapping[str, str],
        *,
        on_output: Callable[[str, Output], object] | None = None,
        on_input: Callable[[str, str], str] | None = None,
        **more: Any,
    ) -> GroupResult:
        """Run code on all targets and wait; errors of the code are part of the result.

        Ctrl-C interrupts it; a second one leaves it running.

        Parameters
        ----------
        code : str, or mapping of str to str
            The code, or that of each target.
        on_output : callable, optional
            Called with the target's name and each output as it comes.
        on_input : callable, optional
            Called with the target's name and a prompt when a kernel asks its user, which is
            possible only with a single target; returns the answer.
        **more
            As for :meth:`execute_soon`.

        Raises
        ------
        KeyboardInterrupt
            When it was interrupted.
        LeftRunningError
            When it was left running.
        ExecutionTimeoutError
            When it took too long, and was interrupted.
        """
        listener = _Told(on_output, on_input)
        run = self.begin(code, listener, may_ask=on_input is not None, **more)
        result = run.wait()
        if run.was_interrupted:
            raise KeyboardInterrupt
        return result

    def execute_soon(self, code: str | Mapping[str, str], **more: Any) -> Run:
        """Run code on all targets; wait only until the kernels have started and received it.

        Parameters
        ----------
        code : str, or mapping of str to str
            The code, or that of each target.
        **more
            ``push``: a mapping of variables that the kernels get before the code, or a function
            that returns one for a target's name. ``pull``: names of variables to fetch after the
            code. ``limit``: the most bytes of each value, 100 MB by default. ``push_pickles``,
            ``pull_pickles``: whether to use pickle for what cannot be transferred otherwise;
            opening a pickle runs whatever code the other side has put into it. ``timeout``: seconds
            after which the code is interrupted. ``restart``: whether to restart the kernels before
            the code.

        Returns
        -------
        Run
            Its ``wait()`` waits for the end.
        """
        run = self.begin(code, _Told(None, None), **more)
        run.begin()
        return run

    def begin(
        self,
        code: str | Mapping[str, str],
        listener: Any,
        *,
        push: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] | None = None,
        pull: Iterable[str] = (),
        may_ask: bool = False,
        timeout: float | None = None,
        limit: int = LIMIT,
        **work: Any,
    ) -> Run:
        """Run code, and pass its output to a listener; see :meth:`execute_soon`."""
        jobs = []
        if not isinstance(code, str):
            missing = [label for label in self.labels if label not in code]
            if missing:
                raise UsageError(f"there is no code for {', '.join(missing)}")
        names = _names(pull)
        for label, target in self._targets.items():
            values = push(label) if callable(push) else push
            own = Work(
                code if isinstance(code, str) else code[label],
                directory=self._directories.get(label, ""),
                push=dict(values or {}),
                pull=names,
                limit=limit,
                **work,
            )
            jobs.append(Job(target, own, listener, may_ask=may_ask and len(self) == 1))
        return Run(jobs, timeout)

    def restart(self) -> None:
        """Restart all kernels in place, which loses their variables.

        Raises
        ------
        GroupActionError
            When some could not be restarted.
        """
        carry_out({label: target.restart() for label, target in self._targets.items()})

    def interrupt(self) -> None:
        """Interrupt all kernels, and do not wait for that."""
        for target in self._targets.values():
            target.interrupt()

    def stop(self) -> Mapping[str, str]:
        """End all kernels, and return how they ended; the next use starts new ones."""
        return carry_out({label: target.stop() for label, target in self._targets.items()})

    def close(self) -> None:
        """End the kernels that were started, unless they are kept; those that ran before go on."""
        own = {label: one for label, one in self._targets.items() if one.is_own}
        carry_out({label: target.stop() for label, target in own.items()})
        for target in self._targets.values():
            target.disconnect()


def _names(pull: Iterable[str]) -> tuple[str, ...]:
    names = tuple(pull.split(",") if isinstance(pull, str) else pull)
    for name in names:
        if not name.replace(".", "_").isidentifier():
            raise UsageError(f"{name!r} is no name of a variable")
    return names
