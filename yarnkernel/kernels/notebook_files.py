"""The client's side of a file between a kernel and its notebook's directory."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.file_request import GET, LARGEST, PATIENCE, PIECE, PIECE_KEY, VERB, FileRequest
from yarnkernel.kernels.control import ANSWER_TIMEOUT, ask, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.kernels.handle import Addressed

REFUSED = (
    "this kernelspec does not let its kernels reach the notebook's directory; next: yarnkernel "
    "kernelspec set NAME --with-notebook-dir"
)


def carry_file(kernel: Addressed, transfer: Mapping[str, str], directory: str) -> None:
    """Bring a file between a kernel and a directory of this machine.

    What goes wrong is told in the kernel, where somebody waits for it.

    Parameters
    ----------
    kernel : Addressed
        The kernel.
    transfer : mapping
        What it wants; see :class:`~yarnkernel.file_request.FileRequest`.
    directory : str
        The directory, out of which no name leads; empty where there is to be none.

    Raises
    ------
    ApplicationError
        When its supervisor does not answer.
    """
    request = FileRequest.from_dict(dict(transfer))
    if request is None:
        return
    error = ""
    try:
        if not directory:
            raise UsageError(REFUSED)
        path = inside(directory, request.name)
        if request.verb == GET:
            _fetch(kernel, request, path)
        else:
            _send(kernel, request, path)
    except OSError as exc:
        error = f"{request.name}: {exc.strerror or exc}"
    except YarnKernelError as exc:
        error = str(exc)
    _step(kernel, request, step="end", error=error)


def inside(directory: str, name: str) -> Path:
    """Return the path of a name in a directory.

    Raises
    ------
    UsageError
        When it leads out of it, by a link too, or is hidden: the directory may be a home, with
        what shells and ssh read.
    """
    if any(part.startswith(".") and part != ".." for part in Path(name).parts):
        raise UsageError(f"{name!r} is hidden: such files of the notebook's directory stay alone")
    root = Path(directory).resolve()
    path = root / name
    parent = path.parent.resolve()
    if not name or path.name in ("", "..") or not (parent / path.name).is_relative_to(root):
        raise UsageError(f"{name!r} is not in the notebook's directory")
    if not parent.is_relative_to(root) or path.is_symlink():
        raise UsageError(f"{name!r} leads out of the notebook's directory, or is a link")
    return parent / path.name


def _fetch(kernel: Addressed, request: FileRequest, path: Path) -> None:
    # The name appears with the whole file.
    part = path.with_name(f".{path.name}.{request.id}.part")
    try:
        with part.open("xb") as file:
            while True:
                piece = _step(kernel, request, step="read", offset=file.tell())
                file.write(piece)
                if len(piece) < PIECE or file.tell() > LARGEST:
                    break
        _check_size(request, part)
        if path.exists():
            part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _send(kernel: Addressed, request: FileRequest, path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"{request.name} is no file")
    _check_size(request, path)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            _step(kernel, request, step="write", data=base64.b64encode(piece).decode())


def _check_size(request: FileRequest, path: Path) -> None:
    if path.stat().st_size > LARGEST:
        raise UsageError(f"{request.name} is larger than {LARGEST >> 20} MiB")


def _step(kernel: Addressed, request: FileRequest, **argument: str | int) -> bytes:
    """Do one step; return the piece that it brings."""
    deadline = Deadline(PATIENCE)
    address = kernel.address(deadline.step(ANSWER_TIMEOUT))
    text = json.dumps({"id": request.id, **argument})
    result = ask(kernel, address, VERB, deadline, argument=text)["result"]
    if result != "done":
        raise UsageError(result)
    if argument["step"] != "read":
        return b""
    return read(address, PIECE_KEY, deadline.step(ANSWER_TIMEOUT)) or b""
