"""Commands of ours, forked from a process that has imported what they need.

Of what a command costs, the start of Python and the imports are nine tenths, and tests type two
thousand. A test that needs more of a process than what it prints and its exit code (its signals,
its terminal, what it reads, its arguments) starts a real one: see
:meth:`tests.conftest.Shell.run`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import skein

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Beginnings of variables that Python and its libraries read once, when they start.
READ_AT_START = ("GRPC_", "LANG", "LC_", "LD_", "MALLOC_", "PYTHON", "TZ")
#: Bytes of a request: the arguments and an environment.
REQUEST_SIZE = 1 << 17
#: Bytes that tell a command's process id, before its exit code.
PID_SIZE = 8
#: Wings of the package that commands use; the others are for kernels.
WINGS = (
    "cli",
    "cluster",
    "hadoop",
    "hosts",
    "jobs",
    "jupyter",
    "kernels",
    "local",
    "store",
    "yarn",
)


class Command:
    """A command that runs: what those who wait for one need of :class:`subprocess.Popen`."""

    def __init__(self, args: Sequence[str], done: int, out: int, err: int) -> None:
        self.args = args
        self.pid = int(os.read(done, PID_SIZE))
        self.returncode = 0
        self._done, self._out, self._err = done, out, err
        self._read = {done: b"", out: b"", err: b""}
        self._open = set(self._read)

    def communicate(self, given: str | None = None, timeout: float = 60) -> tuple[str, str]:
        """See :meth:`subprocess.Popen.communicate`; nothing can be given."""
        assert given is None
        end = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for pipe in self._open:
                selector.register(pipe, selectors.EVENT_READ)
            while self._open:
                ready = selector.select(max(0, end - time.monotonic()))
                if not ready:
                    raise subprocess.TimeoutExpired(list(self.args), timeout)
                for key, _ in ready:
                    data = os.read(key.fd, 1 << 16)
                    self._read[key.fd] += data
                    if not data:
                        selector.unregister(key.fd)
                        self._open.remove(key.fd)
                        os.close(key.fd)
        self.returncode = int(self._read[self._done])
        return _text(self._read[self._out]), _text(self._read[self._err])

    def kill(self) -> None:
        """See :meth:`subprocess.Popen.kill`."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def _text(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: v for name, v in environment.items() if name.startswith(READ_AT_START)}


class ForkServer:
    """The process that commands are forked from; it starts with the first of them.

    Parameters
    ----------
    command : pathlib.Path
        The program that they are.
    environment : mapping of str to str
        That of a user; see :data:`READ_AT_START`.
    """

    def __init__(self, command: Path, environment: Mapping[str, str]) -> None:
        self.command = str(command)
        self._at_start = _read_at_start(environment)
        # Without the session's directories: see tests.conftest.processes_of.
        self._environment = {"PATH": environment["PATH"], **self._at_start}
        self._control, self._far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], directory: Path
    ) -> Command | None:
        """Start a command; None where it would not be as one that is started by itself."""
        args = [self.command, *arguments]
        request = json.dumps([args, dict(environment), str(directory)]).encode()
        if _read_at_start(environment) != self._at_start or len(request) > REQUEST_SIZE:
            return None
        with self._starting:
            if self._process is None:
                self._begin()
        pipes = [os.pipe() for _ in range(3)]
        try:
            socket.send_fds(self._control, [request], [write for _, write in pipes])
        finally:
            for _, write in pipes:
                os.close(write)
        return Command(args, *(read for read, _ in pipes))

    def _begin(self) -> None:
        with self._far_end as control:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(control.fileno())],
                env={**self._environment, "GRPC_VERBOSITY": "NONE"},  # as yarnkernel.cli.run
                pass_fds=[control.fileno()],
                start_new_session=True,
            )

    def close(self) -> None:
        """End the process, and what it has started and has not come to its end."""
        self._control.close()
        self._far_end.close()
        if self._process is not None:
            self._process.wait(timeout=60)


def _import_all() -> None:
    """Import what commands do."""
    for library in ("grpc", "jupyter_client"):
        importlib.import_module(library)
    for wing in WINGS:
        package = importlib.import_module(f"yarnkernel.{wing}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    gc.freeze()


def _serve(control: socket.socket) -> None:
    """Answer requests until nobody is there who makes some; returns as a command."""
    running: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector, control:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in running:
                    selector.unregister(key.fd)
                    pid, done = running.pop(key.fd)
                    os.close(key.fd)
                    _, status = os.waitpid(pid, 0)
                    os.write(done, str(os.waitstatus_to_exitcode(status)).encode())
                    os.close(done)
                    continue
                request, pipes, _, _ = socket.recv_fds(control, REQUEST_SIZE, 3)
                if not request:
                    for pid, _ in running.values():
                        os.kill(pid, signal.SIGKILL)
                    os._exit(0)
                done, *outputs = pipes
                if (pid := os.fork()) == 0:
                    for pipe in (done, *running, *(done for _, done in running.values())):
                        os.close(pipe)
                    args, environment, directory = json.loads(request)
                    _become(args, environment, directory, outputs)
                    return
                for pipe in outputs:
                    os.close(pipe)
                os.write(done, str(pid).rjust(PID_SIZE).encode())
                pidfd = os.pidfd_open(pid)
                selector.register(pidfd, selectors.EVENT_READ)
                running[pidfd] = pid, done


def _become(
    args: list[str], environment: dict[str, str], directory: str, outputs: Sequence[int]
) -> None:
    os.setsid()
    for target, source in enumerate([os.open(os.devnull, os.O_RDONLY), *outputs]):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(environment)
    skein.core.properties.__init__()  # what it has read when imported
    os.chdir(directory)
    sys.argv = args
    sys.path[0] = str(Path(args[0]).parent)


def _run() -> None:
    from yarnkernel.__main__ import main

    try:
        main()
    except SystemExit as exc:
        # As Python ends, but for taking each module apart, for which it would have to copy them.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(exc.code or 0))


if __name__ == "__main__":
    _import_all()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    _run()
