"""Fetches output that a kernel's cells produced while no client was connected."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernels.control import STEP_TIMEOUT, ask_if_ours, read
from yarnkernel.kernels.results import Missed, MissedCell, Outputs, Result
from yarnkernel.recording import RECORDING_KEY, VERB, Recording
from yarnkernel.store import client as store

if TYPE_CHECKING:
    from yarnkernel.kernels.handle import Addressed


def read_missed(kernel: Addressed, timeout: float) -> Missed:
    """Take the missed output; the next call gets only later output.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    timeout : float
        Seconds.

    Returns
    -------
    Missed
        Empty for a supervisor that does not record.

    Raises
    ------
    ApplicationError
        When there is no kernel, or it does not answer in time.
    """
    deadline = Deadline(timeout)
    address, key = ask_if_ours(kernel, VERB, deadline)
    if not key.startswith(RECORDING_KEY):
        return Missed()
    value = read(address, key, deadline.step(STEP_TIMEOUT))
    with contextlib.suppress(YarnKernelError):  # it is deleted with the application anyway
        store.delete_key(address, key, deadline.step(STEP_TIMEOUT))
    recording = Recording() if value is None else Recording.from_bytes(value)
    found = []
    for cell in recording.cells:
        outputs = Outputs()
        for kind, content in cell.messages:
            with contextlib.suppress(KeyError, TypeError, AttributeError):  # no output at all
                outputs.take(kind, content)
        found.append(MissedCell(cell.code, Result(outputs.all, outputs.error)))
    return Missed(tuple(found), recording.left_out)
