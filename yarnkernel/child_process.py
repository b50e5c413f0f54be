"""Runs a command within a deadline and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import IO, TYPE_CHECKING

from yarnkernel.interrupts import deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from yarnkernel.deadline import Deadline

#: Seconds for a process to end after SIGKILL.
KILL_TIMEOUT = 10.0
#: Seconds between two checks of a command's progress.
LOOK_INTERVAL = 0.1


def run_to_end(
    command: Sequence[str],
    *,
    deadline: Deadline,
    environment: Mapping[str, str],
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[str] | int = subprocess.PIPE,
    look: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and return its output as text.

    It gets its own session, so that Ctrl-C at the terminal reaches only us: we end the command
    before we clean up after it.

    Parameters
    ----------
    command : sequence of str
        The command and its arguments.
    deadline : Deadline
        After which it is killed.
    environment : mapping
        Its whole environment.
    stdin, stdout : file or int, optional
        As of :class:`subprocess.Popen`. By default nothing, and captured.
    look : callable, optional
        Called ten times a second while it runs.

    Returns
    -------
    subprocess.CompletedProcess
        Whatever its exit code.

    Raises
    ------
    TimeoutError
        When the deadline has passed.
    OSError
        When it cannot be started.
    """
    process = None
    try:
        with deferred():  # a started process has to be known below
            process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        while True:
            try:
                out, err = process.communicate(timeout=deadline.step(LOOK_INTERVAL))
            except subprocess.TimeoutExpired:
                if deadline.passed:
                    raise TimeoutError(f"not done within {deadline.seconds:.0f} s") from None
            else:
                return subprocess.CompletedProcess(command, process.returncode, out, err)
            finally:
                if look is not None:
                    look()
    finally:
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # it may be waiting for a disk
                process.wait(KILL_TIMEOUT)
