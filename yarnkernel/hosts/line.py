"""One ssh connection to a host: the user's own OpenSSH client, with the helper at its other end.

The connection is a master of ssh's (ControlMaster in ssh_config(5)), so that forwards can be added
to it. It matters that its session runs a command: only then does a server before OpenSSH 10.1
switch Nagle's algorithm off (openssh-portable, session.c), without which a kernel's answer takes 44
ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import json
import os
import secrets
import shlex
import socket
import struct
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import HostError, HostRefusedError
from yarnkernel.hosts import helper, streams, tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yarnkernel.hosts.forwards import Forward

#: Seconds to connect until the helper answers.
CONNECT_TIMEOUT = 40.0
#: Seconds between two keepalives; the line is lost after ServerAliveCountMax without an answer.
ALIVE_INTERVAL = 5
#: Seconds between two pings of the helper, which also keep a server from closing the session.
PING_INTERVAL = 30.0
PING_TIMEOUT = 20.0
#: Seconds for a command to the master.
CONTROL_TIMEOUT = 10.0
#: Seconds for the listener at the other end of a forward to greet.
PROBE_TIMEOUT = 3.0
#: Lines before the helper's own that an error shows.
NOISE_KEPT = 5
#: ``-o`` of every connection: it asks the user nothing and opens none of the user's forwards.
OPTIONS = {
    "BatchMode": "yes",
    "ControlMaster": "auto",
    "ControlPersist": "no",
    "ClearAllForwardings": "yes",
    "ConnectTimeout": "15",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "ServerAliveInterval": str(ALIVE_INTERVAL),
    "ServerAliveCountMax": "3",
}
#: Pythons to try, in addition to the user's choice.
PYTHONS = ("python3", "python", "/usr/libexec/platform-python")
#: ssh's messages when a person is needed, and what to type.
_PERSON = {
    "Host key verification failed": "ssh {name} (it asks whether that is the right host)",
    "Permission denied": "ssh -o ControlMaster=yes -S {control} -fN {name} (log in; then again)",
    "keyboard-interactive": "ssh -o ControlMaster=yes -S {control} -fN {name} (log in; then again)",
    "Too many authentication failures": "ssh {name}",
}
_HEAD = struct.Struct(">I")


class NeedsPersonError(HostError):
    """A person has to log in there."""


class NotSentError(HostError):
    """A line was lost before a request was sent: the request can be sent over another line."""


class Line:
    """An open connection; see :meth:`open`.

    Attributes
    ----------
    ended : asyncio.Task
        Done when the connection has ended.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, ssh: list[str], name: str, log: Path
    ) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("its standard input and output have to be pipes")
        self._process = process
        self._source, self._sink = process.stdout, process.stdin
        self._ssh = ssh
        self._name = name
        self._log = log
        self._ids = itertools.count()
        self._is_lost = False
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}

    @classmethod
    async def open(
        cls, name: str, jump: Sequence[str], python: str, control: Path, log: Path
    ) -> Line:
        """Connect.

        Parameters
        ----------
        name : str
            The host, in ssh's notation.
        jump : sequence of str
            Jump hosts, in addition to those in ssh's configuration.
        python : str
            The first Python to try there; may be empty.
        control : pathlib.Path
            Socket of the master; an existing one is used, whoever opened it.
        log : pathlib.Path
            File for ssh's messages.

        Raises
        ------
        NeedsPersonError
            When a person has to log in or answer a question.
        HostError
            When the host cannot be reached or has no Python.
        """
        ssh = ["ssh", "-S", str(control)]
        options = [part for key, value in OPTIONS.items() for part in ("-o", f"{key}={value}")]
        hops = ["-J", ",".join(jump)] if jump else []
        unwanted = ("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY")
        environment = {key: value for key, value in os.environ.items() if key not in unwanted}
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(*ssh, *options, *hops, "-T", "--", name, "exec /bin/sh"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=environment,
            )
        line = cls(process, ssh, name, log)
        try:
            await asyncio.wait_for(line._begin(python), CONNECT_TIMEOUT)
        except (asyncio.TimeoutError, OSError, EOFError, _NoPythonError) as exc:
            await line.close()
            raise line._failure(exc, control) from None
        except BaseException:
            await line.close()
            raise
        line.ended = asyncio.create_task(line._read())
        return line

    ended: asyncio.Task[None]

    def _failure(self, problem: BaseException, control: Path) -> HostError:
        text = self._log.read_text(errors="replace").strip()
        said = text.splitlines()[-1] if text else str(problem)
        for words, what in _PERSON.items():
            if words in text:
                hint = what.format(name=shlex.quote(self._name), control=control)
                return NeedsPersonError(f"{self._name}: {said}; next: {hint}")
        if isinstance(problem, _NoPythonError):
            return HostError(
                f"{self._name}: there is no Python 3.7 or newer among {', '.join(PYTHONS)}; "
                "next: --python PATH"
            )
        if isinstance(problem, asyncio.TimeoutError):
            said = said or "its shell did not come to our command"
            return HostError(f"{self._name}: not reached within {CONNECT_TIMEOUT:.0f} s: {said}")
        return HostError(f"{self._name} cannot be reached: {said or 'the connection was closed'}")

    async def _begin(self, python: str) -> None:
        """Turn a shell there into the helper; skip whatever it prints first."""
        marker = f"yarnkernel-{secrets.token_hex(8)}"
        code = _carried().encode()
        run = f"import sys; exec(sys.stdin.buffer.read({len(code)}).decode())"
        test = "import sys; sys.exit(sys.version_info < (3, 7))"
        candidates = " ".join(map(shlex.quote, (*([python] if python else []), *PYTHONS)))
        # The code is sent after Python has replaced the shell, as shells read ahead.
        self._sink.write(
            f"for p in {candidates}; do\n"
            f'if command -v "$p" >/dev/null 2>&1 && "$p" -c \'{test}\' </dev/null; then\n'
            f"echo; echo '{marker}'; exec \"$p\" -u -c '{run}'; fi; done\n"
            f"echo; echo '{marker} none'; exit 97\n".encode()
        )
        await self._sink.drain()
        noise: list[str] = []
        while not (said := await self._source.readline()).startswith(marker.encode()):
            if not said:
                raise EOFError(" ".join(noise[-NOISE_KEPT:]))
            noise.append(said.decode(errors="replace").strip())
        if said.strip() != marker.encode():
            raise _NoPythonError
        self._sink.write(code)
        await self._sink.drain()

    async def _read(self) -> None:
        pinging = asyncio.create_task(self._ping())
        try:
            while True:
                head = await self._source.readexactly(_HEAD.size)
                answer = json.loads(await self._source.readexactly(_HEAD.unpack(head)[0]))
                future = self._pending.pop(answer.pop("id"), None)
                if future is not None and not future.done():
                    future.set_result(answer)
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._is_lost = True
            pinging.cancel()
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(HostError(f"the line to {self._name} was lost meanwhile"))
            await self.close()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_INTERVAL)
            try:
                await self.call("exists", {"path": "/"}, PING_TIMEOUT)
            except (HostError, asyncio.TimeoutError):
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()

    async def call(self, name: str, arguments: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Call a function of the helper, and return its answer.

        Raises
        ------
        NotSentError
            When the line was lost before.
        HostError
            When the line is lost while waiting.
        asyncio.TimeoutError
            When there is no answer within ``timeout`` seconds.
        """
        if self._is_lost:
            raise NotSentError(f"the line to {self._name} was lost")
        request = next(self._ids)
        data = json.dumps({"id": request, "call": name, "arguments": arguments}).encode()
        future = asyncio.get_running_loop().create_future()
        self._pending[request] = future
        try:
            self._sink.write(_HEAD.pack(len(data)) + data)
            return await asyncio.wait_for(future, timeout)
        finally:
            self._pending.pop(request, None)

    async def forward(self, forward: Forward) -> None:
        """Forward a port of this machine's loopback to one that the host can reach.

        Raises
        ------
        HostError
            When the port cannot be forwarded.
        """
        await self._control("forward", *forward.arguments)

    async def probe(self, forward: Forward) -> None:
        """Check that the listener at the other end of a forward answers.

        A server that forbids forwards says so only when they are used (``AllowTcpForwarding`` of
        sshd_config(5)): the connection is closed at once. ZeroMQ's servers greet clients.

        Raises
        ------
        HostRefusedError
            When none does.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            if not await asyncio.wait_for(_greeting(forward.local), PROBE_TIMEOUT):
                said = self._log.read_text(errors="replace").strip().splitlines()
                why = said[-1] if said else "the connection is closed at once"
                raise HostRefusedError(
                    f"{self._name} lets nobody reach {forward.host}:{forward.port} by ssh: {why}"
                )

    async def cancel(self, forward: Forward) -> None:
        """Cancel a forward."""
        await self._control("cancel", *forward.arguments)

    async def _control(self, command: str, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(*self._ssh, "-O", command, *arguments, "--", self._name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), CONTROL_TIMEOUT)
        except asyncio.TimeoutError:
            process.kill()
            raise HostError(f"{self._name}: ssh -O {command} hangs") from None
        if process.returncode:
            text = said.decode(errors="replace").strip()
            raise HostError(f"{self._name}: no port can be forwarded: {text}")

    async def close(self) -> None:
        """Close the connection."""
        self._sink.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), CONTROL_TIMEOUT)
            except asyncio.TimeoutError:
                self._process.kill()


class _NoPythonError(Exception):
    """There is no Python."""


def _carried() -> str:
    """Return the code to run there: the helper and the modules that it imports, by name."""
    modules = {module.__name__: inspect.getsource(module) for module in (tree, streams, helper)}
    return (
        f"import sys, types\nfor name, source in {modules!r}.items():\n"
        "    module = sys.modules[name] = types.ModuleType(name)\n"
        "    sys.modules.setdefault(name.rpartition('.')[0], types.ModuleType('')).__dict__["
        "name.rpartition('.')[2]] = module\n"
        "    exec(compile(source, name, 'exec'), module.__dict__)\n"
        "module.serve()\n"
    )


async def _greeting(local: int) -> bytes:
    """Return the listener's first byte; empty if it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", local)
    try:
        return await reader.read(1)
    except OSError:
        return b""
    finally:
        writer.close()


def free_port() -> int:
    """Return a free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
