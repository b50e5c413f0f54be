"""Transfer of files between a kernel and its notebook's directory: the client's side."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.file_request import (
    GET,
    LARGEST,
    PATIENCE,
    PIECE,
    PIECE_KEY,
    TIMEOUT,
    VERB,
    FileRequest,
)
from yarnkernel.kernels.control import ANSWER_TIMEOUT, ask, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.kernels.handle import Addressed
    from yarnkernel.store.address import StoreAddress

REFUSED = (
    "this kernelspec does not let its kernels reach the notebook's directory; next: yarnkernel "
    "kernelspec set NAME --with-notebook-dir"
)


def carry_file(kernel: Addressed, transfer: Mapping[str, str], directory: str) -> None:
    """Transfer a file between a kernel and a directory of this machine.

    Errors are reported in the kernel, where the user waits.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    transfer : mapping
        Its request; see :class:`~yarnkernel.file_request.FileRequest`.
    directory : str
        The directory, which names cannot leave; empty if transfers are not allowed.

    Raises
    ------
    ApplicationError
        When its supervisor does not answer.
    """
    request = FileRequest.from_dict(dict(transfer))
    if request is None:
        return
    steps = _Steps(kernel, request)
    error = ""
    try:
        if not directory:
            raise UsageError(REFUSED)
        path = inside(directory, request.name)
        if request.verb == GET:
            _fetch(steps, path)
        else:
            _send(steps, path)
    except OSError as exc:
        error = f"{request.name}: {exc.strerror or exc}"
    except YarnKernelError as exc:
        error = str(exc)
    except ValueError:  # a name that no path may have
        error = f"{request.name!r} is no name"
    steps.end(error)


class _Steps:
    """The requests to the kernel's supervisor, under one deadline.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    request : FileRequest
        Its request.
    """

    def __init__(self, kernel: Addressed, request: FileRequest) -> None:
        self.request = request
        self._kernel = kernel
        self._deadline = Deadline(TIMEOUT)
        self._address: StoreAddress | None = None

    def read(self, offset: int) -> bytes:
        """Return the piece at an offset; empty at the end."""
        address = self._step("read", self._deadline, offset=offset)
        return read(address, PIECE_KEY, self._deadline.step(ANSWER_TIMEOUT)) or b""

    def write(self, piece: bytes) -> None:
        """Append a piece to the kernel's file."""
        self._step("write", self._deadline, data=base64.b64encode(piece).decode())

    def end(self, error: str) -> None:
        """Report success, or why it failed."""
        self._step("end", Deadline(PATIENCE), error=error)

    def check_size(self, path: Path) -> None:
        """Check that a file is not too large."""
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{self.request.name} is larger than {LARGEST >> 20} MiB")

    def _step(self, step: str, deadline: Deadline, **argument: str | int) -> StoreAddress:
        if deadline.passed:
            raise UsageError(f"{self.request.name}: not there within {TIMEOUT:.0f} s")
        patience = Deadline(deadline.step(PATIENCE))
        if self._address is None:
            self._address = self._kernel.address(patience.step(ANSWER_TIMEOUT))
        text = json.dumps({"id": self.request.id, "step": step, **argument})
        result = ask(self._kernel, self._address, VERB, patience, argument=text)["result"]
        if result != "done":
            raise UsageError(result)
        return self._address


def inside(directory: str, name: str) -> Path:
    """Return the path of a name in a directory.

    Raises
    ------
    UsageError
        When it leads out of the directory, even by a link, or is hidden: the directory may be a
        home with files of shells and ssh.
    """
    root = Path(directory).resolve()
    path = root / name
    parent = path.parent.resolve()
    if not name or path.name in ("", "..") or not (parent / path.name).is_relative_to(root):
        raise UsageError(f"{name!r} is not in the notebook's directory")
    if not parent.is_relative_to(root) or path.is_symlink():
        raise UsageError(f"{name!r} leads out of the notebook's directory, or is a link")
    if any(part.startswith(".") for part in (parent / path.name).relative_to(root).parts):
        raise UsageError(f"{name!r} is hidden: such files of the notebook's directory stay alone")
    return parent / path.name


def _fetch(steps: _Steps, path: Path) -> None:
    # The name appears with the whole file.
    part = path.with_name(f".{path.name}.{steps.request.id}.part")
    try:
        with part.open("xb") as file:
            while True:
                piece = steps.read(file.tell())
                file.write(piece)
                if len(piece) < PIECE or file.tell() > LARGEST:
                    break
        steps.check_size(part)
        if path.exists():
            part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _send(steps: _Steps, path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"{steps.request.name} is no file")
    steps.check_size(path)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            steps.write(piece)
