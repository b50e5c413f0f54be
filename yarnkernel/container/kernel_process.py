"""The kernel's process: its connection file, its environment, its output, its end."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import secrets
import signal
import sys
from typing import TYPE_CHECKING

from yarnkernel.connection import PORT_NAMES, ConnectionInfo, write_connection_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Seconds between two looks at the connection file of a kernel that starts.
POLL_INTERVAL = 0.02
#: Lines of the kernel's output that are kept for diagnostics.
LINES_KEPT = 20
#: YARN's diagnostics are read in a terminal: no line of them has to be longer.
LINE_LENGTH = 500


def kernel_environment(directory: Path) -> dict[str, str]:
    """Environment of a kernel whose home is a container's directory.

    YARN sets ``HOME=/home/`` (``yarn.nodemanager.user-home-dir``), which
    nobody can write to.
    """
    environment = {**os.environ}
    environment.pop("JPY_SESSION_NAME", None)
    home = directory / "home"
    environment |= {
        "HOME": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_DATA_DIR": str(home / ".local" / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        # ipykernel ends itself when the process with this id is no longer its parent.
        "JPY_PARENT_PID": str(os.getpid()),
    }
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        os.makedirs(environment[name], mode=0o700, exist_ok=True)  # noqa: PTH103
    return environment


class KernelProcess:
    """An IPython kernel as a child of this process.

    Parameters
    ----------
    directory : pathlib.Path
        The container's directory.
    address : str
        The numeric address that the kernel listens on.
    arguments : sequence of str
        Further arguments of the kernel.
    """

    def __init__(self, directory: Path, address: str, arguments: Sequence[str]) -> None:
        self._directory = directory
        self._address = address
        self._arguments = list(arguments)
        self._connection_file = directory / "home" / "runtime" / "kernel.json"
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None
        self._lines: collections.deque[str] = collections.deque(maxlen=LINES_KEPT)

    async def start(self) -> None:
        """Start the process and return at once."""
        environment = kernel_environment(self._directory)
        # The kernel binds port 0 and writes the ports that it got: nobody can take them first.
        info: ConnectionInfo = {
            "ip": self._address,
            "transport": "tcp",
            "signature_scheme": "hmac-sha256",
            "key": secrets.token_hex(32),
            "kernel_name": "python3",
            **dict.fromkeys(PORT_NAMES, 0),
        }
        write_connection_file(info, self._connection_file)
        # In this container's process group: NodeManagers signal the group.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ipykernel_launcher",
            "-f",
            str(self._connection_file),
            *self._arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._output = asyncio.create_task(self._pass_output_on())

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the kernel has not been started")
        return self._process

    async def _pass_output_on(self) -> None:
        """Copy the kernel's output to the container's log and keep its end."""
        stream = self._running.stdout
        partial = ""
        while stream is not None and (block := await stream.read(1 << 16)):
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
            *lines, partial = (partial + block.decode(errors="replace")).split("\n")
            self._lines.extend(line[:LINE_LENGTH] for line in lines if line.strip())
            partial = partial[-LINE_LENGTH:]
        if partial.strip():
            self._lines.append(partial)

    async def connection_info(self) -> ConnectionInfo:
        """Wait until the kernel has bound its ports.

        Returns
        -------
        dict
            Its connection info, with the ports that it got.
        """
        while True:
            try:
                info = json.loads(self._connection_file.read_bytes())
            except (ValueError, FileNotFoundError):
                info = {}  # the kernel is replacing it
            if all(info.get(name) for name in PORT_NAMES):
                return dict(info)
            await asyncio.sleep(POLL_INTERVAL)

    async def wait(self) -> int:
        """Wait for its end and return its exit code, negative for a signal's number."""
        code = await self._running.wait()
        if self._output is not None:
            # What it left behind may hold the pipe open.
            await asyncio.wait([self._output], timeout=1)
        return code

    def last_lines(self) -> str:
        """Return the end of its output."""
        return "\n".join(self._lines)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended gets none."""
        if self._running.returncode is None:
            self._running.send_signal(number)


def describe_end(code: int) -> str:
    """Say how a process ended, as ``asyncio`` codes it."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "an unknown signal"
    return f"was ended by signal {-code} ({name})"
