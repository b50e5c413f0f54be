"""What a front end and its agent say to each other: a JSON document a line.

A front end sends requests, each with a number; the agent answers under that number, perhaps after
some :class:`~yarnkernel.progress.Progress`, and tells news of kernels under none.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar, get_type_hints

from yarnkernel.errors import YarnKernelError
from yarnkernel.kinds import fits
from yarnkernel.progress import Progress

Answer_co = TypeVar("Answer_co", covariant=True)
#: Seconds for the children of a kernel, as in ``container/descendants.py``.
CHILDREN_TIME = 15.0


@dataclass(frozen=True)
class Request(Generic[Answer_co]):
    """Something that a front end asks for, with the kind of its answer."""


@dataclass(frozen=True)
class Done:
    """What was asked for is done.

    Attributes
    ----------
    outcome : str
        What came of it: of an end the final state, of an interrupt as
        :func:`yarnkernel.kernels.control.interrupt` has it.
    """

    outcome: str = ""


@dataclass(frozen=True)
class Started:
    """A kernel has been started, and is watched.

    Attributes
    ----------
    kernel : str
        Its id.
    connection_info : dict
        Its connection info.
    """

    kernel: str
    connection_info: dict[str, Any]


@dataclass(frozen=True)
class Restarted:
    """A kernel was restarted in place.

    Attributes
    ----------
    restarts : int
        How often by now.
    """

    restarts: int


@dataclass(frozen=True)
class Failed:
    """What was asked for cannot be done.

    Attributes
    ----------
    problem : str
        Why.
    exit_code : int
        As of the error that it stands for.
    """

    problem: str
    exit_code: int = 1


@dataclass(frozen=True)
class Start(Request[Started]):
    """Start a kernel and watch it.

    Attributes
    ----------
    options : dict
        For :meth:`yarnkernel.kernels.options.LaunchOptions.from_dict`.
    recipe_options : list of str
        Further options of the recipe.
    keys : dict of str to str
        The kernel's keys.
    keep : bool
        Whether the kernel is left running when the front end ends without a word.
    """

    options: dict[str, Any]
    recipe_options: list[str]
    keys: dict[str, str]
    keep: bool


@dataclass(frozen=True)
class Cancel(Request[Done]):
    """Give up a start that nobody waits for any more, and end what it has started.

    Attributes
    ----------
    start : int
        The number of its request.
    """

    start: int


@dataclass(frozen=True)
class Watch(Request[Done]):
    """Tell what happens to a kernel from now on; ``keep`` is as for a start."""

    kernel: str
    keep: bool


@dataclass(frozen=True)
class Restart(Request[Restarted]):
    """Restart a kernel in place, within these seconds, unless it has been since ``restarts``."""

    kernel: str
    restarts: int
    timeout: float


@dataclass(frozen=True)
class Interrupt(Request[Done]):
    """Interrupt a kernel, within these seconds."""

    kernel: str
    timeout: float


@dataclass(frozen=True)
class End(Request[Done]):
    """See to it that a kernel has ended, which has ``grace`` seconds to do so by itself."""

    kernel: str
    grace: float


@dataclass(frozen=True)
class CarryFile(Request[Done]):
    """Bring a file between a kernel and its notebook's directory; without one, refuse to.

    Attributes
    ----------
    kernel : str
        The kernel's id.
    transfer : dict of str to str
        What it wants: see :class:`yarnkernel.file_request.FileRequest`.
    directory : str
        The notebook's; empty where its kernel is not to reach that.
    """

    kernel: str
    transfer: dict[str, str]
    directory: str


@dataclass(frozen=True)
class Release(Request[Done]):
    """Keep none of these kernels: the front end ends in good order, and they with it."""

    kernels: list[str]


@dataclass(frozen=True)
class KernelNews:
    """What a supervisor tells of its kernel; see :class:`yarnkernel.kernel_status.KernelStatus`."""

    kernel: str
    state: str
    restarts: int
    last_end: str
    exit_code: int | None
    directory: str
    transfer: dict[str, str]
    has_children: bool

    @property
    def time_to_end(self) -> float:
        """Seconds that its children want to end in good order."""
        return CHILDREN_TIME if self.has_children else 0.0


@dataclass(frozen=True)
class EndNews:
    """A kernel has ended, and its place with it.

    Attributes
    ----------
    kernel : str
        Its id.
    outcome, diagnostics : str
        How, in its place's words; empty when the place does not know it any more.
    lost : bool
        Whether the place took it away.
    """

    kernel: str
    outcome: str = ""
    diagnostics: str = ""
    lost: bool = False


News = KernelNews | EndNews
Message = Request[Any] | Done | Started | Restarted | Failed | KernelNews | EndNews | Progress
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        Start, Cancel, Watch, Restart, Interrupt, End, CarryFile, Release,
        Done, Started, Restarted, Failed, KernelNews, EndNews, Progress,
    )
}  # fmt: skip


def encode(message: Message, number: int | None = None) -> str:
    """Write a message as a line, without its end.

    Parameters
    ----------
    message : dataclass
        One of this module's, or progress.
    number : int, optional
        Of the request that it is, or is about.
    """
    fields: dict[str, Any] = asdict(message)
    return json.dumps({"kind": type(message).__name__, "number": number, **fields})


def decode(line: str | bytes) -> tuple[int | None, Message]:
    """Read a line again.

    Returns
    -------
    int or None
        The number of the request that it is about.
    dataclass
        The message.

    Raises
    ------
    YarnKernelError
        When it is none.
    """
    try:
        fields = json.loads(line)
        kind, number = _KINDS[fields.pop("kind")], fields.pop("number")
        message: Message = kind(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise YarnKernelError(f"this is no message: {exc!r}") from None
    hints = get_type_hints(kind)
    if not fits(number, int | None) or not all(fits(fields[name], hints[name]) for name in fields):
        raise YarnKernelError(f"this is no {kind.__name__}")
    return number, message
