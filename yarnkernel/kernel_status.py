"""What a supervisor tells about its kernel, and what can be asked of it, by the key-value store.

Both sides use this module: the supervisor in the container and the client.
Who can read and write the store is checked by skein's ApplicationMaster (mutual TLS).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TypedDict, get_type_hints

from yarnkernel.errors import YarnKernelError
from yarnkernel.kinds import fits

#: Under this key the supervisor keeps a :class:`KernelStatus`.
STATUS_KEY = "yarnkernel.status"
#: Under this key the front end that owns a kernel puts another value now and then: it is there.
LEASE_KEY = "yarnkernel.lease"
#: A :class:`Command` is put under this prefix and its id; the supervisor takes it away.
COMMAND_PREFIX = "yarnkernel.command."
#: The first key after all commands: "/" follows "." in ASCII.
COMMAND_END = "yarnkernel.command/"
#: Under this key a client puts the certificate of an ApplicationMaster that has made its own
#: keys, PEM, signed by the submitter's pair.
CERTIFICATE_KEY = "yarnkernel.certificate"
#: Under this key an ApplicationMaster keeps where the logs of further containers are that have
#: ended, which YARN tells nobody while the application runs: JSON, the web addresses of their
#: NodeManagers by their ids.
LOGS_KEY = "yarnkernel.logs"
#: Under these keys a supervisor that is asked for it, by the verb, puts connection info with keys
#: of CurveZMQ and without.
INFO_KEYS = {"encrypt": "yarnkernel.kernel.info.encrypted", "plain": "yarnkernel.kernel.info.plain"}
#: Answers that a supervisor keeps in its status, the newest.
ANSWERS_KEPT = 16


@dataclass(frozen=True)
class Command:
    """Something that a client asks of a supervisor.

    Attributes
    ----------
    id : str
        One of its own, for the answer.
    verb : str
        ``"interrupt"``, ``"restart"``, ``"encrypt"`` or ``"plain"``.
    restarts : int or None
        How often the kernel had been restarted when this was asked: one that
        has been restarted since is not restarted again. None for a restart in any case.
    argument : str
        What else belongs to it.
    """

    id: str
    verb: str
    restarts: int | None = None
    argument: str = ""

    @property
    def key(self) -> str:
        """The key that it is put under."""
        return COMMAND_PREFIX + self.id

    def to_bytes(self) -> bytes:
        """Write it as the value of a key."""
        fields = {"verb": self.verb, "restarts": self.restarts, "argument": self.argument}
        return json.dumps(fields).encode()

    @classmethod
    def from_bytes(cls, key: str, value: bytes) -> Command:
        """Read it; what is no command of ours has an empty verb."""
        try:
            found = json.loads(value)
            verb, restarts = found["verb"], found.get("restarts")
            argument = found.get("argument", "")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            verb, restarts, argument = "", None, ""
        return cls(
            key.removeprefix(COMMAND_PREFIX),
            verb if isinstance(verb, str) else "",
            restarts if isinstance(restarts, int) else None,
            argument if isinstance(argument, str) else "",
        )


#: What a kernel may be told to be.
STATES = ("idle", "busy", "restarting", "ended")


class _Result(TypedDict):
    result: str


class Answer(_Result, total=False):
    """What came of a command: ``result``, a word, and what belongs to it."""

    seconds: float
    restarts: int


@dataclass(frozen=True)
class KernelStatus:
    """A kernel as its supervisor sees it.

    Attributes
    ----------
    state : str
        ``"idle"``, ``"busy"``, ``"restarting"`` or ``"ended"``.
    host : str
        Address that the kernel listens on.
    pid : int
        Process id of the kernel on its host.
    connected : bool
        Whether a client has ever used it.
    last_activity : float or None
        When a client's request last began or ended, in seconds since 1970.
    restarts : int
        How often it was restarted in place.
    last_end : str
        Why the kernel before this one ended, or this one when it has; empty without one.
    exit_code : int or None
        The exit code of that kernel's process, negative for a signal's number.
    memory, memory_limit : int
        Bytes that the container uses and may use; a limit of 0 is not known.
    has_children : bool
        Whether the kernel has started processes, which want time to end.
    directory : str
        What its directory was known by when its supervisor began, see
        :func:`yarnkernel.shared_directory.identify`.
    transfer : dict of str to str
        A file that the kernel wants to bring to its notebook's directory, or from there: see
        :class:`yarnkernel.file_request.FileRequest`; empty without one.
    phases : dict of str to float
        When the recipe and the kernel reached a state, in seconds since 1970.
    answers : dict of str to dict
        What came of the last commands, by their ids.
    """

    state: str
    host: str
    pid: int = 0
    connected: bool = False
    last_activity: float | None = None
    restarts: int = 0
    last_end: str = ""
    exit_code: int | None = None
    memory: int = 0
    memory_limit: int = 0
    has_children: bool = False
    directory: str = ""
    transfer: dict[str, str] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Write it as the value of a key."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> KernelStatus:
        """Read it; fields of a newer supervisor are left out.

        Raises
        ------
        YarnKernelError
            When it is not the status of a kernel.
        """
        try:
            found = json.loads(value)
            status = cls(**{f.name: found[f.name] for f in fields(cls) if f.name in found})
        except (ValueError, TypeError, RecursionError) as exc:
            raise YarnKernelError(f"the kernel's status cannot be read: {exc}") from None
        # It may have been written by anybody with the user's credentials.
        for name, kind in get_type_hints(cls).items():
            if not fits(getattr(status, name), kind):
                raise YarnKernelError(f"the kernel's status has a {name} that is none")
        if status.state not in STATES:
            raise YarnKernelError("the kernel's status has a state that is none")
        return status
