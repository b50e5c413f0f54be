"""``%yarnkernel get``, ``put``: transfer of files to and from the notebook's directory."""

from __future__ import annotations

import shlex
import threading
import uuid
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from yarnkernel.deadline import Deadline
from yarnkernel.file_request import GET, LARGEST, MESSAGE, PATIENCE, PUT, TIMEOUT, FileRequest

#: Seconds for a supervisor's first answer.
SILENCE = PATIENCE
USAGE = """%yarnkernel get FILE [NAME]   bring a file of the kernel's to the notebook's directory
%yarnkernel put NAME [FILE]   bring a file of the notebook's directory to the kernel"""

#: Requests that a supervisor has received, and the results of those that are done.
_heard: set[str] = set()
_answers: dict[str, str] = {}
_told = threading.Event()


def tell(request: str, error: str | None) -> None:
    """Note that a request was received (None), or its result.

    The supervisor calls this in the kernel, in the thread of its control channel.
    """
    if error is None:
        _heard.add(request)
    else:
        _answers[request] = error
    _told.set()


@magics_class
class FileMagics(Magics):
    """The magic; one for each IPython."""

    @line_magic
    @no_var_expand
    def yarnkernel(self, line: str) -> None:
        """Bring files to the notebook's directory, and from there.

        %yarnkernel get FILE [NAME]   of the kernel's, to the notebook's directory

        %yarnkernel put NAME [FILE]   of the notebook's directory, to the kernel
        """
        try:
            verb, source, *rest = shlex.split(line)
            (target,) = rest or [Path(source).name]
        except ValueError:
            raise UsageError(USAGE) from None
        if verb == GET:
            self._carry(GET, self._readable(source), target)
        elif verb == PUT:
            path = Path(target).expanduser().absolute()
            self._carry(PUT, str(path / Path(source).name if path.is_dir() else path), source)
        else:
            raise UsageError(USAGE)

    @staticmethod
    def _readable(text: str) -> str:
        path = Path(text).expanduser().absolute()
        if not path.is_file():
            raise UsageError(f"{text}: there is no such file")
        if path.stat().st_size > LARGEST:
            raise UsageError(
                f"{text} is larger than {LARGEST >> 20} MiB; next: HDFS, or yarnkernel sync"
            )
        return str(path)

    def _carry(self, verb: str, path: str, name: str) -> None:
        kernel = getattr(self.shell, "kernel", None)
        if kernel is None:
            raise UsageError("this is no kernel: its files are here")
        request = FileRequest(uuid.uuid4().hex, verb, path, name)
        _told.clear()
        kernel.session.send(
            kernel.iopub_socket,
            MESSAGE,
            request.to_dict(),
            parent=kernel.get_parent(),
            ident=MESSAGE.encode(),
        )
        self._wait(request)
        size = Path(path).stat().st_size
        there = "the notebook's directory" if verb == GET else path
        print(f"{name}: {size} bytes, {'to' if verb == GET else 'in'} {there}")  # noqa: T201

    @staticmethod
    def _wait(request: FileRequest) -> None:
        deadline, silence = Deadline(2 * TIMEOUT), Deadline(SILENCE)
        while True:
            _told.clear()  # before the check, so that later answers wake us
            if request.id in _answers:
                break
            if deadline.passed:
                raise UsageError(f"{request.name}: not there within {2 * TIMEOUT:.0f} s")
            if silence.passed and request.id not in _heard:
                raise UsageError("no supervisor of yarnkernel's looks after this kernel")
            _told.wait(0.1)
        if error := _answers.pop(request.id):
            raise UsageError(error)


def load(shell: Any) -> None:
    """Register the magic with an IPython."""
    shell.register_magics(FileMagics)
