"""The messages between a front end and its agent: one JSON document a line.

A front end sends requests, each with a number. The agent answers with that number, perhaps after
some :class:`~yarnkernel.progress.Progress`, and sends news of kernels without a number.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar, get_type_hints

from yarnkernel.errors import YarnKernelError
from yarnkernel.kinds import fits
from yarnkernel.progress import Progress

Answer_co = TypeVar("Answer_co", covariant=True)
#: Seconds for a kernel's children to end, as in ``container/descendants.py``.
CHILDREN_TIME = 15.0


@dataclass(frozen=True)
class Request(Generic[Answer_co]):
    """A front end's request, with the type of its answer."""


@dataclass(frozen=True)
class Done:
    """The request has been carried out.

    Attributes
    ----------
    outcome : str
        The outcome: for an end the final state, for an interrupt the value of
        :func:`yarnkernel.kernels.control.interrupt`.
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
    """A kernel has been restarted in place.

    Attributes
    ----------
    restarts : int
        The number of restarts so far.
    """

    restarts: int


@dataclass(frozen=True)
class Failed:
    """The request cannot be carried out.

    Attributes
    ----------
    problem : str
        The reason.
    exit_code : int
        The exit code of the error that it stands for.
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
        Whether the kernel keeps running when the front end ends without notice.
    """

    options: dict[str, Any]
    recipe_options: list[str]
    keys: dict[str, str]
    keep: bool


@dataclass(frozen=True)
class Cancel(Request[Done]):
    """Cancel a start that nobody waits for any more, and end what it has started.

    Attributes
    ----------
    start : int
        The number of its request.
    """

    start: int


@dataclass(frozen=True)
class Watch(Request[Done]):
    """Report news of a kernel from now on; ``keep`` is as for a start."""

    kernel: str
    keep: bool


@dataclass(frozen=True)
class Restart(Request[Restarted]):
    """Restart a kernel in place within these seconds, unless it has been since ``restarts``."""

    kernel: str
    restarts: int
    timeout: float


@dataclass(frozen=True)
class Interrupt(Request[Done]):
    """Interrupt a kernel within these seconds."""

    kernel: str
    timeout: float


@dataclass(frozen=True)
class End(Request[Done]):
    """Make sure that a kernel ends; it has ``grace`` seconds to do so by itself."""

    kernel: str
    grace: float


@dataclass(frozen=True)
class CarryFile(Request[Done]):
    """Copy a file between a kernel and its notebook's directory; refuse if it has none.

    Attributes
    ----------
    kernel : str
        The kernel's id.
    transfer : dict of str to str
        The kernel's request: see :class:`yarnkernel.file_request.FileRequest`.
    directory : str
        The notebook's directory; empty if the kernel may not use it.
    """

    kernel: str
    transfer: dict[str, str]
    directory: str


@dataclass(frozen=True)
class Release(Request[Done]):
    """Keep none of these kernels: the front end exits normally, and they end with it."""

    kernels: list[str]


@dataclass(frozen=True)
class KernelNews:
    """A supervisor's report; see :class:`yarnkernel.kernel_status.KernelStatus`."""

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
        """Seconds for its children to shut down."""
        return CHILDREN_TIME if self.has_children else 0.0


@dataclass(frozen=True)
class EndNews:
    """A kernel has ended, and its application or job with it.

    Attributes
    ----------
    kernel : str
        Its id.
    outcome, diagnostics : str
        How it ended, in its place's words; empty if the place does not know it any more.
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
    """Encode a message as a line, without the line break.

    Parameters
    ----------
    message : dataclass
        A message of this module, or progress.
    number : int, optional
        The number of the request that it is or belongs to.
    """
    fields: dict[str, Any] = asdict(message)
    return json.dumps({"kind": type(message).__name__, "number": number, **fields})


def decode(line: str | bytes) -> tuple[int | None, Message]:
    """Decode a line.

    Returns
    -------
    int or None
        The number of the request that it is or belongs to.
    dataclass
        The message.

    Raises
    ------
    YarnKernelError
        When it is not a message.
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
