"""What goes wrong in a container; all other exceptions are in :mod:`yarnkernel.errors`."""

from __future__ import annotations

from yarnkernel.errors import CANNOT_BE_MASTER, YarnKernelError


class MasterError(YarnKernelError):
    """Raised in the container: this process cannot be the ApplicationMaster."""

    exit_code = CANNOT_BE_MASTER


class KernelFailedError(YarnKernelError):
    """Raised in the container: its kernel cannot be used, or can no longer be.

    Parameters
    ----------
    summary : str
        What happened, to follow "The kernel".
    output : str, optional
        The end of the kernel's output.
    code : int, default 1
        The kernel's exit code, negative for a signal's number.
    """

    def __init__(self, summary: str, *, output: str = "", code: int = 1) -> None:
        super().__init__(summary)
        self.summary = summary
        self.output = output
        self.code = code
        #: As a shell reports the end by a signal.
        self.exit_code = 128 - code if code < 0 else code or 1
