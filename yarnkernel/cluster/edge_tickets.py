"""Kerberos with a ticket that stays on an edge node, from where the KDC is called."""

from __future__ import annotations

import base64
import functools
import json
import os
import select
import shlex
import subprocess
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yarnkernel.errors
from yarnkernel.errors import AuthenticationError, HostError
from yarnkernel.hadoop import gss_server, libgssapi
from yarnkernel.hadoop.tickets import Tickets
from yarnkernel.hosts.ssh import SshHost

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds for an answer: the library there waits for a KDC without a timeout.
TIMEOUT = 60.0
#: Bytes of an answer to read at once.
_CHUNK = 1 << 16
#: The modules that run there, each after the ones that it imports.
_MODULES = {
    "yarnkernel.errors": yarnkernel.errors,
    "yarnkernel.hadoop.libgssapi": libgssapi,
    "yarnkernel.hadoop.gss_server": gss_server,
}
#: Reads these from its standard input, and runs the last one.
_BOOT = """
import json, sys, types
for name, text in json.loads(sys.stdin.buffer.readline()):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.serve()
"""


class _Remote:
    """An object of the library there."""

    def __init__(self, number: int, released: list[int]) -> None:
        self.number = number
        weakref.finalize(self, released.append, number).atexit = False


class EdgeGssLibrary:
    """See :class:`yarnkernel.hadoop.tickets.GssLibrary`; a process on the edge node.

    It ends with the connection, or with this process.

    Parameters
    ----------
    host : SshHost
        The edge node.
    variables : mapping of str to str
        Environment variables there.
    """

    def __init__(self, host: SshHost, variables: Mapping[str, str]) -> None:
        self._host = host
        self._variables = variables
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._opened_by = 0
        self._buffer = b""
        self._released: list[int] = []

    def import_name(self, principal: str) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.import_name`."""
        return self._call("import_name", principal)

    def import_service(self, service: str, host: str) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.import_service`."""
        return self._call("import_service", service, host)

    def display_name(self, name: Any) -> str:
        """See :func:`yarnkernel.hadoop.libgssapi.display_name`."""
        return str(self._call("display_name", name))

    def acquire_cred(self, principal: str = "", keytab: str = "", cache: str = "") -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.acquire_cred`."""
        return self._call("acquire_cred", principal, keytab, cache)

    def inquire_cred(self, credential: Any) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.inquire_cred`."""
        return self._call("inquire_cred", credential)

    def lifetime(self, credential: Any) -> int:
        """See :func:`yarnkernel.hadoop.libgssapi.lifetime`."""
        return int(self._call("lifetime", credential))

    def new_context(self) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.new_context`."""
        return self._call("new_context")

    def init_sec_context(
        self, credential: Any, context: Any, server: Any, flags: int, token: bytes
    ) -> tuple[bytes, int, bool]:
        """See :func:`yarnkernel.hadoop.libgssapi.init_sec_context`."""
        answer, able, done = self._call(
            "init_sec_context", credential, context, server, flags, token
        )
        return bytes(answer), int(able), bool(done)

    def wrap(self, context: Any, message: bytes, *, private: bool) -> tuple[bytes, bool]:
        """See :func:`yarnkernel.hadoop.libgssapi.wrap`."""
        packet, encrypted = self._call("wrap", context, message, private=private)
        return bytes(packet), bool(encrypted)

    def unwrap(self, context: Any, packet: bytes) -> tuple[bytes, bool, bool]:
        """See :func:`yarnkernel.hadoop.libgssapi.unwrap`."""
        message, encrypted, in_order = self._call("unwrap", context, packet)
        return bytes(message), bool(encrypted), bool(in_order)

    def _call(self, function: str, *arguments: Any, **options: Any) -> Any:
        with self._lock:
            released = self._released[:]
            del self._released[: len(released)]
            request = {
                "function": function,
                "arguments": [_written(value) for value in arguments],
                "options": {name: _written(value) for name, value in options.items()},
                "released": released,
            }
            try:
                answer = json.loads(self._exchange(json.dumps(request).encode()))
            except (OSError, ValueError, HostError) as exc:
                self._end()
                raise AuthenticationError(f"Kerberos on {self._host}: {exc}") from exc
            except BaseException:
                self._end()  # a late answer would be taken for the next one
                raise
        if "error" in answer:
            raise AuthenticationError(f"on {self._host}: {answer['error']}")
        return self._read(answer["result"])

    def _exchange(self, request: bytes) -> bytes:
        end = time.monotonic() + TIMEOUT
        if self._process is None or self._opened_by != os.getpid():  # forked since then
            self._open(end)
        self._send(request)
        return self._line(end)

    def _open(self, end: float) -> None:
        self._host.socks(TIMEOUT)  # keeps the connection until this process ends
        variables = [f"{name}={value}" for name, value in self._variables.items()]
        command = ["env", *variables, self._host.info.python, "-c", _BOOT]
        self._buffer = b""
        self._opened_by = os.getpid()
        self._process = subprocess.Popen(
            self._host.session(f"exec {shlex.join(command)}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # protects it from Ctrl-C
        )
        packages = [(name, "") for name in ("yarnkernel", "yarnkernel.hadoop")]
        modules = [(name, Path(str(m.__file__)).read_text()) for name, m in _MODULES.items()]
        self._send(json.dumps([*packages, *modules]).encode())
        while self._line(end) + b"\n" != gss_server.MARK:
            pass

    def _send(self, line: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            raise OSError("it is not there")
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def _line(self, end: float) -> bytes:
        if self._process is None or self._process.stdout is None:
            raise OSError("it is not there")
        source = self._process.stdout
        while b"\n" not in self._buffer:
            if not select.select([source], [], [], max(0.0, end - time.monotonic()))[0]:
                raise OSError(f"no answer within {TIMEOUT:.0f} s")
            chunk = os.read(source.fileno(), _CHUNK)
            if not chunk:
                raise OSError("the line is lost, or its sshd allows no second session on it")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _read(self, value: Any) -> Any:
        if isinstance(value, list):
            return tuple(self._read(part) for part in value)
        if isinstance(value, dict):
            if "handle" in value:
                return _Remote(value["handle"], self._released)
            return base64.b64decode(value["bytes"])
        return value

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(TIMEOUT)
            self._process = None


@functools.cache
def edge_tickets(
    name: str, jump: tuple[str, ...], variables: tuple[tuple[str, str], ...]
) -> Tickets:
    """Return the tickets of an edge node, with one process there for all of this process.

    Parameters
    ----------
    name : str
        The edge node, as ssh takes it.
    jump : tuple of str
        Hosts to jump through on the way there.
    variables : tuple of pairs of str
        Environment variables there.
    """
    known = dict(variables)
    return Tickets(known, EdgeGssLibrary(SshHost(name, jump), known))


def _written(value: Any) -> Any:
    if isinstance(value, _Remote):
        return {"handle": value.number}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    return value
