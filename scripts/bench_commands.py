"""Commands for scripts/bench, typed as a user would: each a new process without a global driver."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil
from jupyter_client.blocking.client import BlockingKernelClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from yarnkernel.connection import ConnectionInfo

#: Seconds that a command, or what is waited for, may take.
TIMEOUT = 120.0
#: Seconds between two looks at what a command has done so far.
INTERVAL = 0.005
#: How often a kernel is asked for its round trip.
QUESTIONS = 200


def first_reply(info: ConnectionInfo) -> BlockingKernelClient:
    """Connect and wait for the reply to a first cell."""
    client = BlockingKernelClient()
    client.load_connection_info(cast("Any", info))
    # Without the heartbeat, which takes a kernel that does not listen yet for dead.
    client.start_channels(hb=False)
    client.wait_for_ready(timeout=TIMEOUT)
    client.execute_interactive("6 * 7", output_hook=lambda _: None, timeout=TIMEOUT)
    return client


def round_trip(client: BlockingKernelClient) -> float:
    """Ask a kernel what it is, many times, and return the seconds until the reply: the median."""
    seconds = []
    for _ in range(QUESTIONS):
        begin = time.monotonic()
        asked = client.kernel_info()
        while client.get_shell_msg(timeout=TIMEOUT)["parent_header"].get("msg_id") != asked:
            pass
        seconds.append(time.monotonic() - begin)
    return statistics.median(seconds)


def shut_down(client: BlockingKernelClient) -> None:
    """Ask a kernel to end and wait for its answer."""
    client.shutdown(reply=True, timeout=int(TIMEOUT))
    client.stop_channels()


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Attributes
    ----------
    out : str
        What it has printed.
    seconds : float
        From its start to its end.
    jvm : bool
        Whether it has started a JVM.
    """

    out: str
    seconds: float
    jvm: bool


class Command:
    """A command on its own terminal, or with its output in a file; ended with the context.

    Parameters
    ----------
    arguments : str
        What is typed.
    environment : dict
        Its variables.
    terminal : bool, default False
        Whether it is to be a program that somebody types at.
    """

    def __init__(
        self, *arguments: str, environment: dict[str, str], terminal: bool = False
    ) -> None:
        self.arguments = arguments
        self.begin = time.monotonic()
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the context)
        self._ours = -1
        theirs = subprocess.DEVNULL
        if terminal:
            self._ours, theirs = pty.openpty()
        self._process = psutil.Popen(
            arguments,
            env=environment,
            stdin=theirs,
            stdout=theirs if terminal else self._out,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if terminal:
            os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(TIMEOUT)
        self._out.close()
        if self._ours >= 0:
            os.close(self._ours)

    @property
    def seconds(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self.begin

    def _fail(self, what: str) -> None:
        sys.exit(f"bench: {' '.join(self.arguments)} {what}")

    def wait(self) -> Ended:
        """Wait for its end, watching for a JVM."""
        jvm = False
        while self._process.poll() is None:
            with contextlib.suppress(psutil.Error):  # one has just ended
                family = [self._process, *self._process.children(recursive=True)]
                jvm = jvm or any(process.name() == "java" for process in family)
            if self.seconds > TIMEOUT:
                self._fail(f"takes more than {TIMEOUT:.0f} s")
            time.sleep(INTERVAL)
        seconds = self.seconds
        if self._process.returncode:
            self._fail(f"ended with {self._process.returncode}")
        self._out.seek(0)
        return Ended(self._out.read(), seconds, jvm)

    def await_connection_file(self, directory: Path) -> ConnectionInfo:
        """Wait for the connection file that it writes into a directory that was empty."""
        while self.seconds < TIMEOUT:
            for path in directory.glob("kernel-*.json"):
                with contextlib.suppress(ValueError):  # it is being written
                    return cast("ConnectionInfo", json.loads(path.read_text()))
            if self._process.poll() not in (None, 0):
                self._fail(f"ended with {self._process.returncode}")
            time.sleep(INTERVAL)
        self._fail(f"wrote no connection file within {TIMEOUT:.0f} s")
        raise AssertionError("unreachable")


@contextlib.contextmanager
def runtime_directory(environment: dict[str, str]) -> Iterator[tuple[Path, dict[str, str]]]:
    """Have a directory for connection files alone, and the variables that lead there."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory), {**environment, "JUPYTER_RUNTIME_DIR": directory}


def container_memory(app_id: str) -> tuple[int, int]:
    """Sum up the resident and the proportional memory of an application's containers, in bytes."""
    # An epoch may stand before the application's own number: container_e02_1700000000000_0001_...
    ending = app_id.removeprefix("application_")
    rss = pss = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if f"_{ending}_" in process.environ().get("CONTAINER_ID", ""):
                memory = process.memory_full_info()
                rss, pss = rss + memory.rss, pss + memory.pss
    return rss, pss
