"""The kernel's status and the commands to its supervisor, in the key-value store.

Both sides use this module: the supervisor in the container and the client.
Access to the store is controlled by mutual TLS, or by CurveZMQ outside YARN.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TypedDict, get_type_hints

from yarnkernel.errors import YarnKernelError
from yarnkernel.kinds import fits

#: Under this key the supervisor keeps a :class:`KernelStatus`.
STATUS_KEY = "yarnkernel.status"
#: The front end that owns a kernel changes this key's value from time to time, as a sign of life.
LEASE_KEY = "yarnkernel.lease"
#: A client puts a :class:`Command` under this prefix and its id; the supervisor deletes it.
COMMAND_PREFIX = "yarnkernel.command."
#: The first key after all commands: "/" follows "." in ASCII.
COMMAND_END = "yarnkernel.command/"
#: Under this key a client puts the certificate (PEM) of an ApplicationMaster that has made its own
#: key, signed with the submitter's key.
CERTIFICATE_KEY = "yarnkernel.certificate"
#: Under this key an ApplicationMaster keeps where the logs of ended further containers are, as YARN
#: does not tell while the application runs: in JSON, the web addresses of their NodeManagers by
#: container id.
LOGS_KEY = "yarnkernel.logs"
#: Under these keys a supervisor puts, on request, connection info with and without CurveZMQ keys;
#: by verb.
INFO_KEYS = {"encrypt": "yarnkernel.kernel.info.encrypted", "plain": "yarnkernel.kernel.info.plain"}
#: How many of the newest answers a supervisor keeps in its status.
ANSWERS_KEPT = 16


@dataclass(frozen=True)
class Command:
    """A client's command to a supervisor.

    Attributes
    ----------
    id : str
        A unique id, for the answer.
    verb : str
        ``"interrupt"``, ``"restart"``, ``"encrypt"`` or ``"plain"``.
    restarts : int or None
        How often the kernel had been restarted when the command was sent: if it has been restarted
        since, it is not restarted again. None restarts it in any case.
    argument : str
        The verb's argument.
    """

    id: str
    verb: str
    restarts: int | None = None
    argument: str = ""

    @property
    def key(self) -> str:
        """Its key in the store."""
        return COMMAND_PREFIX + self.id

    def to_bytes(self) -> bytes:
        """Write it as the value of a key."""
        fields = {"verb": self.verb, "restarts": self.restarts, "argument": self.argument}
        return json.dumps(fields).encode()

    @classmethod
    def from_bytes(cls, key: str, value: bytes) -> Command:
        """Read it; an invalid command gets an empty verb."""
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


#: The states of a kernel.
STATES = ("idle", "busy", "restarting", "ended")


class _Result(TypedDict):
    result: str


class Answer(_Result, total=False):
    """The answer to a command: a word as ``result``, and fields that depend on it."""

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
        Address on which the kernel listens.
    pid : int
        Process id of the kernel on its host.
    connected : bool
        Whether a client has ever used it.
    last_activity : float or None
        When a client's request last began or ended, in seconds since 1970.
    restarts : int
        How often it was restarted in place.
    last_end : str
        Why the last process ended, or this one if it has; empty if none has.
    exit_code : int or None
        The exit code of that process, or a signal's number as a negative value.
    memory, memory_limit : int
        Bytes that the container uses and may use; a limit of 0 is unknown.
    has_children : bool
        Whether the kernel has child processes, which need time to end.
    directory : str
        The identity of its directory at the supervisor's start, see
        :func:`yarnkernel.shared_directory.identify`.
    transfer : dict of str to str
        The kernel's current request to transfer a file, see
        :class:`yarnkernel.file_request.FileRequest`; empty if there is none.
    phases : dict of str to float
        When the recipe and the kernel reached each phase, in seconds since 1970.
    answers : dict of str to dict
        The answers to the last commands, by id.
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
        """Read it; fields of a newer supervisor are ignored.

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
        # Anybody with the user's credentials may have written it.
        for name, kind in get_type_hints(cls).items():
            if not fits(getattr(status, name), kind):
                raise YarnKernelError(f"the kernel's status has a {name} that is none")
        if status.state not in STATES:
            raise YarnKernelError("the kernel's status has a state that is none")
        return status
