"""The kernel's process: its command, connection file, environment, output and end."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.announcement import ADDRESS_VARIABLE, MEMORY_VARIABLE
from yarnkernel.connection import (
    AUTO,
    CONNECTION_FILE,
    KERNEL_HOME,
    KEY_NAMES,
    NEVER,
    PORT_NAMES,
    REQUIRED,
    ConnectionInfo,
    write_connection_file,
)
from yarnkernel.container.descendants import descendants
from yarnkernel.container.memory import offer_to_oom_killer
from yarnkernel.container.own_process import limits_as_given
from yarnkernel.container.persistent import persist
from yarnkernel.container.spark_home import prepare_spark
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from yarnkernel.container.spark_home import SparkLaunch
    from yarnkernel.port_range import PortRange

#: YARN's variable about an ApplicationMaster's page, which Spark would take for its own.
PROXY_BASE = "APPLICATION_WEB_PROXY_BASE"
#: Seconds between two checks of a starting kernel's connection file.
POLL_INTERVAL = 0.02
#: Bytes of output read at a time.
BLOCK = 1 << 16
#: Lines of output kept for diagnostics.
LINES_KEPT = 20
#: Longest line for diagnostics, which are read in a terminal.
LINE_LENGTH = 500


@dataclass(frozen=True)
class KernelLaunch:
    """How a kernel is started.

    Attributes
    ----------
    command : tuple of str
        The kernel's command, with ``{connection_file}``.
    chooses_ports : bool
        Whether it accepts port 0 and writes down the ports that it got, as ipykernel does, so that
        nobody can take them first.
    directory : pathlib.Path
        Its working directory.
    home : pathlib.Path
        Its home.
    pre_commands : tuple of str
        Shell commands that run before it in the same process.
    key_file : pathlib.Path, optional
        JSON file with the keys for its connection info; by default a new key is made.
    encryption : str
        ``"never"``, ``"auto"`` or ``"required"``: whether it gets CurveZMQ keys.
    ports : PortRange, optional
        Ports for clients; any by default.
    spark : SparkLaunch, optional
        Its Spark settings, if it is to have Spark.
    """

    command: tuple[str, ...]
    chooses_ports: bool
    directory: Path
    home: Path
    pre_commands: tuple[str, ...] = ()
    key_file: Path | None = None
    encryption: str = NEVER
    ports: PortRange | None = None
    spark: SparkLaunch | None = None

    @property
    def connection_file(self) -> Path:
        """The connection file that the kernel is started with."""
        return self.home / "runtime" / "kernel.json"

    def arguments(self) -> list[str]:
        """The process' arguments."""
        path = str(self.connection_file)
        command = [part.replace(CONNECTION_FILE, path) for part in self.command]
        if not self.pre_commands:
            return command
        script = "\n".join((*self.pre_commands, 'exec "$@"'))
        return ["bash", "-c", script, "bash", *command]

    def check(self) -> None:
        """Check that the kernel can be started.

        Raises
        ------
        YarnKernelError
            When the directory, the command or the file with keys is missing, or it cannot encrypt.
        """
        if self.encryption == REQUIRED and self.chooses_ports and not _ipykernel_encrypts():
            raise YarnKernelError(
                f"ipykernel {version('ipykernel')} cannot encrypt; "
                "next: pip install 'ipykernel>=7.3' in the kernel's environment"
            )
        self.new_connection_info("", {})
        if not self.directory.is_dir():
            raise YarnKernelError(f"there is no directory {self.directory}")
        program = self.arguments()[0]
        here = self.directory / program  # the absolute one when it is one
        if shutil.which(here if os.sep in program else program) is None:
            raise YarnKernelError(
                f"there is no command {program!r} on this host (PATH={os.environ.get('PATH')})"
            )

    def new_connection_info(self, address: str, ports: dict[str, int]) -> ConnectionInfo:
        """Make the connection info for the kernel's start.

        Raises
        ------
        YarnKernelError
            When the file with the keys cannot be read.
        """
        keys = {"signature_scheme": "hmac-sha256", "key": secrets.token_hex(32)}
        if self.key_file is not None:
            try:
                found = json.loads(self.key_file.read_bytes())
                keys |= {name: str(found[name]) for name in KEY_NAMES if name in found}
            except (OSError, ValueError, TypeError) as exc:
                raise YarnKernelError(f"the keys in {self.key_file} cannot be read: {exc}") from exc
        if self.encryption == REQUIRED or (
            self.encryption == AUTO and self.chooses_ports and _ipykernel_encrypts()
        ):
            import zmq  # noqa: PLC0415  (not needed by all kernels, and not yet)

            public, secret = zmq.curve_keypair()
            keys |= {"curve_publickey": public.decode(), "curve_secretkey": secret.decode()}
        # Jupyter servers accept no external kernel without the name of a kernelspec.
        name = "python3" if self.chooses_ports else ""
        return {"ip": address, "transport": "tcp", "kernel_name": name, **keys, **ports}


def _ipykernel_encrypts() -> bool:
    """Return whether this Python's IPython kernel supports CurveZMQ, as 7.3 and newer do."""
    numbers = re.match(r"(\d+)\.(\d+)", version("ipykernel"))
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (7, 3)


def ipykernel_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the command that starts an IPython kernel in this Python."""
    return (sys.executable, "-m", "ipykernel_launcher", "-f", CONNECTION_FILE, *arguments)


def kernel_environment(home: Path) -> dict[str, str]:
    """Return the environment of a kernel whose home is in the container or chosen by the user.

    YARN always sets ``HOME=/home/`` (``yarn.nodemanager.user-home-dir``), which nobody can write
    to.
    """
    environment = {**os.environ}
    own_home = environment.pop(KERNEL_HOME, str(home))
    for name in (ADDRESS_VARIABLE, MEMORY_VARIABLE, PROXY_BASE):
        environment.pop(name, None)
    environment |= {
        "HOME": own_home,
        "IPYTHONDIR": environment.get("IPYTHONDIR") or f"{own_home}/.ipython",
        "JUPYTER_DATA_DIR": environment.get("JUPYTER_DATA_DIR")
        or f"{own_home}/.local/share/jupyter",
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        # ipykernel exits when the process with this id is no longer its parent.
        "JPY_PARENT_PID": str(os.getpid()),
    }
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        os.makedirs(environment[name], mode=0o700, exist_ok=True)  # noqa: PTH103
    return environment


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Reports the end of a process at once; ``wait()`` waits for all holders of its output, too."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=BLOCK, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


def _tells(line: str) -> bool:
    """Return whether a line may say why a kernel failed; ipykernel 7.3's first one never does."""
    return bool(line.strip()) and "Kernel is running over TCP without encryption" not in line


class KernelProcess:
    """A kernel as a child of this process.

    Attributes
    ----------
    pid : int
        Its process id.
    ended : asyncio.Task
        Done when it ends; gives the exit code, or a signal's number as a negative value.
    """

    def __init__(
        self,
        launch: KernelLaunch,
        info: ConnectionInfo,
        process: asyncio.subprocess.Process,
        exited: asyncio.Event,
    ) -> None:
        self._launch = launch
        self._info = info
        self._process = process
        self._exited = exited
        self._lines: collections.deque[str] = collections.deque(maxlen=LINES_KEPT)
        self._output = asyncio.create_task(
            persist("passing the kernel's output on", self._pass_output_on)
        )
        self.pid = process.pid
        self.ended = asyncio.create_task(self._wait())

    @classmethod
    async def start(cls, launch: KernelLaunch, info: ConnectionInfo) -> Self:
        """Start it.

        Parameters
        ----------
        launch : KernelLaunch
            How.
        info : dict
            Its connection info.

        Raises
        ------
        OSError
            When it cannot be started.
        """
        environment = kernel_environment(launch.home)
        if launch.spark is not None:
            prepare_spark(environment, launch.spark)
        write_connection_file(info, launch.connection_file)
        # In the container's process group, which NodeManagers signal.
        loop = asyncio.get_running_loop()
        with limits_as_given():
            transport, protocol = await loop.subprocess_exec(
                lambda: _Protocol(loop),
                *launch.arguments(),
                cwd=launch.directory,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        process = asyncio.subprocess.Process(transport, protocol, loop)
        offer_to_oom_killer(Path("/proc", str(process.pid)))
        return cls(launch, info, process, protocol.exited)

    async def _pass_output_on(self) -> None:
        """Copy the kernel's output to the container's log and keep its end."""
        stream = self._process.stdout
        partial = ""
        while stream is not None and (block := await stream.read(BLOCK)):
            with contextlib.suppress(OSError):  # disk full; reading on, or the kernel blocks
                sys.stdout.buffer.write(block)
                sys.stdout.buffer.flush()
            *lines, partial = (partial + block.decode(errors="replace")).split("\n")
            self._lines.extend(line[:LINE_LENGTH] for line in lines if _tells(line))
            partial = partial[-LINE_LENGTH:]
        if partial.strip():
            self._lines.append(partial)

    async def connection_info(self) -> ConnectionInfo:
        """Wait for the kernel's ports, and return its connection info with them."""
        info = self._info
        while not all(info.get(name) for name in PORT_NAMES):
            await asyncio.sleep(POLL_INTERVAL)
            try:
                ports = json.loads(self._launch.connection_file.read_bytes())
            except (ValueError, FileNotFoundError):
                continue  # the kernel is replacing it
            info = {**info, **{name: ports.get(name) for name in PORT_NAMES}}
        return info

    async def _wait(self) -> int:
        await self._exited.wait()
        # Processes that it left behind may hold the pipe open.
        await asyncio.wait([self._output], timeout=1)
        return int(self._process.returncode or 0)

    def last_lines(self) -> str:
        """Return the end of its output."""
        return "\n".join(self._lines)

    def signal(self, number: signal.Signals) -> None:
        """Signal it and the processes that it has started, as a terminal does.

        Processes in sessions of their own are left alone.
        """
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)  # even if the others cannot be found
        session = os.getsid(0)
        for pid in descendants(os.getpid()):  # orphans are adopted
            with contextlib.suppress(OSError):
                if pid != self.pid and os.getsid(pid) == session:
                    os.kill(pid, number)


def describe_end(code: int) -> str:
    """Say how a process ended, as ``asyncio`` codes it."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "an unknown signal"
    return f"was ended by signal {-code} ({name})"
