"""One target's part in a run: open it, send values, run code, fetch values."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from yarnkernel.errors import YarnKernelError
from yarnkernel.groups import languages
from yarnkernel.groups.codec import TravelError
from yarnkernel.groups.languages import PYTHON
from yarnkernel.groups.results import TargetResult
from yarnkernel.groups.transfer import Incoming, encode_all, loads_of
from yarnkernel.kernels.results import CellError, Outputs

if TYPE_CHECKING:
    from collections.abc import Generator

    from yarnkernel.groups.channels import Message
    from yarnkernel.groups.target import Target
    from yarnkernel.groups.waits import Request, Wait
    from yarnkernel.progress import Progress

#: The most bytes of a value by default.
LIMIT = 100_000_000
_INTERRUPTED = CellError("KeyboardInterrupt", "it was interrupted before its code was run")


class Listener(Protocol):
    """Shows the messages of a job; called in the thread that waits."""

    def hear(self, job: Job, message: Message) -> None:
        """Show a message of the code: text, something to display, an error."""

    def tell(self, job: Job, text: str) -> None:
        """Show a message about a target to the user."""

    def end(self, job: Job) -> None:
        """Show that a target is done."""

    def ask(self, job: Job, prompt: str, *, password: bool) -> str | None:
        """Ask the user a kernel's question; return None if the user cannot be asked."""


@dataclass(frozen=True)
class Work:
    """The work for a target.

    Attributes
    ----------
    code : str
        The code; may be empty.
    directory : str
        The directory for it, on the target's host; empty for the current one.
    push : dict
        Variables to send before the code.
    pull : sequence of str
        Names of variables to fetch after the code.
    limit : int
        The most bytes of each value.
    push_pickles, pull_pickles : bool
        Whether to use pickle for what cannot be transferred otherwise.
    prelude : bool
        Whether to import ``os`` and ``pickle``, as remote_exec did.
    restart : bool
        Whether to restart the kernel before the code.
    """

    code: str
    directory: str = ""
    push: dict[str, Any] = field(default_factory=dict)
    pull: tuple[str, ...] = ()
    limit: int = LIMIT
    push_pickles: bool = False
    pull_pickles: bool = False
    prelude: bool = False
    restart: bool = False


class Job:
    """A target's work; :meth:`advance` carries on with it as far as possible.

    Parameters
    ----------
    target : Target
        The target.
    work : Work
        Its work.
    listener : Listener
        Shows its messages.
    may_ask : bool
        Whether the kernel may ask its user.

    Attributes
    ----------
    outputs : Outputs
        Its output so far.
    progress : Progress or None
        The progress of a start.
    """

    def __init__(self, target: Target, work: Work, listener: Listener, *, may_ask: bool) -> None:
        self.target = target
        self.label = target.label
        self.listener = listener
        self.outputs = Outputs()
        self.progress: Progress | None = None
        self._work = work
        self._may_ask = may_ask
        self._values: dict[str, Any] = {}
        self._problems: dict[str, str] = {}
        self._begin = time.monotonic()
        self._end: float | None = None
        self._count: int | None = None
        self._interrupted = self._has_code = False
        self._waits: Wait | None = None
        self._steps = self._run()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._end is not None

    @property
    def has_begun(self) -> bool:
        """Whether its kernel has received the code, or never will."""
        return self._has_code or self.done

    @property
    def seconds(self) -> float:
        """The time that it has taken so far."""
        return (time.monotonic() if self._end is None else self._end) - self._begin

    @property
    def result(self) -> TargetResult:
        """Its result."""
        return TargetResult(
            self.outputs.all,
            self.outputs.error,
            self._count,
            self._values,
            self._problems,
            self.seconds,
        )

    @property
    def state(self) -> str:
        """Its state, in words."""
        if not self.target.kernel and self.progress is not None:
            return str(self.progress)
        return self.target.state

    def advance(self) -> None:
        """Continue, if what it waits for is done."""
        while not self.done and (self._waits is None or self._waits.done):
            try:
                self._waits = next(self._steps)
            except StopIteration:
                self._finish()
            except Exception as exc:  # noqa: BLE001  (whatever it is, the others go on)
                text = str(exc) if isinstance(exc, YarnKernelError) else repr(exc)
                self._fail(CellError(type(exc).__name__, text))
                self._finish()

    def interrupt(self) -> Wait | None:
        """Interrupt its code, or prevent that from running; return what to wait for."""
        self._interrupted = True
        self.target.give_up_start()
        return self.target.interrupt()

    def _finish(self) -> None:
        self._end = time.monotonic()
        self._steps.close()
        self.listener.end(self)

    def _fail(self, error: CellError) -> None:
        self.outputs.error = self.outputs.error or error

    def _run(self) -> Generator[Wait, None, None]:
        work, target = self._work, self.target
        if work.restart:
            yield from target.restart()
        yield from target.open(lambda text: self.listener.tell(self, text), self._report)
        if work.directory:
            code = self._try(lambda: languages.change_directory(target.language, work.directory))
            yield from self._prepare(code, f"{self.label}:{work.directory}")
        if work.prelude and target.language == PYTHON:
            yield from self._prepare(languages.OLD_NAMES, "import")
        if work.push:
            yield from self._push()
        if self._interrupted:
            self._fail(_INTERRUPTED)
        if work.code and self.outputs.error is None:
            request = target.execute(work.code, self._hear, allow_stdin=self._may_ask)
            self._has_code = True
            yield request
            self._take_end(request)
        if work.pull and self.outputs.error is None:
            yield from self._pull()

    @staticmethod
    def _try(make: Any) -> str:
        try:
            return str(make())
        except TravelError as exc:
            raise YarnKernelError(str(exc)) from None

    def _report(self, progress: Progress) -> None:
        self.progress = progress

    def _prepare(self, code: str, what: str) -> Generator[Wait, None, None]:
        """Run code of yarnkernel's own."""
        request = self.target.execute(code, lambda _: None, silent=True)
        yield request
        if not request.ok:
            reply = request.reply or {}
            why = request.failure or f"{reply.get('ename')}: {reply.get('evalue')}"
            raise YarnKernelError(f"{what}: {why}")

    def _hear(self, message: Message) -> None:
        if message.kind == "input_request":
            self._ask(message)
            return
        self.outputs.take(message.kind, message.content)
        self.listener.hear(self, message)

    def _ask(self, message: Message) -> None:
        prompt, password = str(message.content.get("prompt", "")), message.content.get("password")
        answer = self.listener.ask(self, prompt, password=bool(password))
        if answer is None:
            self.target.interrupt()
        else:
            self.target.answer_input(message, answer)

    def _take_end(self, request: Request) -> None:
        reply = request.reply or {}
        self._count = reply.get("execution_count")
        if request.failure is not None:
            self._fail(request.failure)
        elif not request.is_complete:
            self.listener.tell(
                self, "its last outputs may be missing: it never said that it is idle"
            )
        if reply.get("status") == "aborted":
            self._fail(CellError("Aborted", "a cell before this one has failed"))
        elif reply.get("status") == "error":
            self._fail(CellError(str(reply.get("ename")), str(reply.get("evalue"))))

    # --- values

    def _push(self) -> Generator[Wait, None, None]:
        work, target = self._work, self.target
        if target.language != PYTHON:
            yield from self._push_as_text()
            return
        values, problems = encode_all(work.push, work.limit, pickles=work.push_pickles)
        incoming = Incoming(tuple(work.push), work.limit, pickles=False)
        for load in loads_of(values) if values else ():
            code = languages.take(
                load.values, load.places, last=load.last, pickles=work.push_pickles
            )
            request = target.execute(code, incoming.hear, silent=True, buffers=load.buffers)
            yield request
            if not request.ok and not incoming.problems:
                raise YarnKernelError(f"the values have not got there: {request.failure}")
            if self._interrupted:
                return
        self._note({**problems, **incoming.problems}, "did not get there")

    def _push_as_text(self) -> Generator[Wait, None, None]:
        problems = {}
        for name, value in self._work.push.items():
            try:
                code = languages.assign(self.target.language, name, value)
            except TravelError as exc:
                problems[name] = str(exc)
                continue
            yield from self._prepare(code, name)
        self._note(problems, "did not get there")

    def _pull(self) -> Generator[Wait, None, None]:
        work, target = self._work, self.target
        incoming = Incoming(work.pull, work.limit, work.pull_pickles)
        try:
            code = languages.give(target.language, work.pull, work.limit, pickles=work.pull_pickles)
        except TravelError as exc:
            self._note(dict.fromkeys(work.pull, str(exc)), "did not come")
            return
        request = target.execute(code, incoming.hear, silent=True)
        yield request
        if request.failure is not None:
            self._fail(request.failure)
        self._values = incoming.finish()
        self._note(incoming.problems, "did not come")

    def _note(self, problems: dict[str, str], what: str) -> None:
        self._problems |= problems
        for name, why in problems.items():
            self.listener.tell(self, f"{name} {what}: {why}")
