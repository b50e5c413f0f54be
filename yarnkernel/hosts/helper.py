"""The functions that run on a host: this machine calls them, other hosts get this file by ssh.

The two modules that it imports are sent with it. They need only Python 3.7 or newer, are not
installed anywhere, and end with the line. A message consists of its length, as four bytes,
big-endian, and JSON.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import pwd
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.hosts import streams, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds between two checks for a file.
POLL_INTERVAL = 0.02
#: The most bytes of a command's output that are kept.
MOST_OUTPUT = 1 << 22
#: Seconds for ps.
PS_TIMEOUT = 30.0
#: Seconds for a killed process to be gone.
KILL_TIMEOUT = 10.0
#: Format of a message's length.
_HEAD = struct.Struct(">I")


def info() -> dict[str, Any]:
    """Return facts about this host and user."""
    home = Path("~").expanduser()
    boot = ""
    with contextlib.suppress(OSError):  # identifies the system's boot: proc_sys_kernel(5)
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {
        "node": os.uname().nodename,
        "user": _user(),
        "uid": os.getuid(),
        "home": str(home),
        "cache": os.environ.get("XDG_CACHE_HOME") or str(home / ".cache"),
        "state": os.environ.get("XDG_STATE_HOME") or str(home / ".local" / "state"),
        "python": sys.executable,
        "boot": boot,
        "system": f"{os.uname().sysname} {os.uname().machine}",
    }


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in some containers
        return str(os.getuid())


def run(script: str, data: str = "", timeout: float = 60.0) -> dict[str, Any]:
    """Run lines of sh, with ``data`` (base64) as standard input; kill them after ``timeout``."""
    with contextlib.ExitStack() as stack:
        given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(base64.b64decode(data))
        given.seek(0)
        process = subprocess.Popen(
            ["/bin/sh", "-c", script], stdin=given, stdout=out, stderr=err, start_new_session=True
        )
        late = False
        try:
            process.wait(timeout)
        except BaseException as exc:
            late = isinstance(exc, subprocess.TimeoutExpired)
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(KILL_TIMEOUT)
            if not late:
                raise
        out.seek(0)
        err.seek(0)
        return {
            "code": process.returncode,
            "out": out.read(MOST_OUTPUT).decode("utf-8", "replace"),
            "err": err.read(MOST_OUTPUT).decode("utf-8", "replace"),
            "late": late,
        }


def write(files: dict[str, str]) -> None:
    """Write files (base64) that only their owner can read, each atomically."""
    for name, data in files.items():
        path = Path(name)
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=str(path.parent))
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(base64.b64decode(data))
            Path(part).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(part).unlink()
            raise


def read(path: str, offset: int = 0, most: int = 1 << 20) -> str | None:
    """Return a part of a file (base64); a negative offset counts from its end."""
    try:
        with Path(path).open("rb") as stream:
            if offset < 0:
                offset = max(0, stream.seek(0, os.SEEK_END) + offset)
            stream.seek(offset)
            return base64.b64encode(stream.read(most)).decode()
    except (FileNotFoundError, NotADirectoryError):
        return None


def await_file(paths: list[str], timeout: float) -> dict[str, str]:
    """Return those of some files that exist (base64), as soon as one does."""
    end = time.monotonic() + timeout
    while True:
        contents = {path: read(path) for path in paths}
        found = {path: content for path, content in contents.items() if content is not None}
        if found or time.monotonic() >= end:
            return found
        time.sleep(POLL_INTERVAL)


def unpack(archive: str, directory: str) -> None:
    """Unpack a zip archive (base64) into a new directory, atomically."""
    path = Path(directory)
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=str(path.parent)))
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(archive))) as opened:
            opened.extractall(str(part))  # packed by yarnkernel itself
        part.rename(path)
    except OSError:
        shutil.rmtree(str(part), ignore_errors=True)
        if not path.is_dir():  # otherwise somebody else was first
            raise


def exists(path: str) -> bool:
    """Return whether there is a file or directory."""
    return Path(path).exists()


def remove(path: str) -> None:
    """Remove a directory and its content."""
    shutil.rmtree(path, ignore_errors=True)


def spawn(arguments: list[str], log: str, directory: str) -> dict[str, Any]:
    """Start a process that outlives the line, in its own session; return what identifies it."""
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as stream:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=directory,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # reaps it
    return {"pid": process.pid, "created": created(process.pid)}


def created(pid: int) -> str:
    """Return when a process began, in the system's own format; empty if there is none."""
    proc = Path("/proc", str(pid), "stat")
    with contextlib.suppress(OSError, IndexError):
        # proc_pid_stat(5): after the name the state is the first field, the start time the 20th.
        fields = proc.read_bytes().rpartition(b")")[2].split()
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    if Path("/proc/self").exists():
        return ""
    return _ps("-o", "lstart=", "-p", str(pid)).strip()


def kill(pid: int, began: str, force: bool) -> bool:  # noqa: FBT001  (called by name)
    """Ask a process to end, or kill it and its descendants; return False if it has ended."""
    if not began or created(pid) != began:
        return False
    if not force:
        os.kill(pid, signal.SIGTERM)
        return True
    for one in [*_descendants(pid), pid]:
        with contextlib.suppress(OSError):
            os.kill(one, signal.SIGKILL)
    return True


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    left = [pid]
    while left:
        more = children.get(left.pop(), [])
        found += more
        left += more
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Yield the id of each process, and its parent's."""
    if not Path("/proc/self/stat").exists():
        for line in _ps("-A", "-o", "pid=", "-o", "ppid=").splitlines():
            child, parent = map(int, line.split())
            yield child, parent
        return
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            yield int(path.parent.name), int(path.read_bytes().rpartition(b")")[2].split()[1])


def _ps(*arguments: str) -> str:
    command = ["ps", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=PS_TIMEOUT, check=False)
    return done.stdout.decode(errors="replace")


_CALLS = {
    function.__name__: function
    for function in (
        info, run, write, read, await_file, unpack, exists, remove, spawn, created, kill,
        tree.scan, tree.discard, tree.directories, tree.touch,
        streams.stream_in, streams.stream_out, streams.feed, streams.take, streams.finish,
    )
}  # fmt: skip


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out a request; an error of the system is an answer, too."""
    try:
        return {"result": _CALLS[name](**arguments)}
    except (OSError, subprocess.SubprocessError, ValueError) as exc:
        return {"error": str(exc)}


def serve() -> None:
    """Carry out requests from standard input until that ends."""
    source, sink, lock = sys.stdin.buffer, sys.stdout.buffer, threading.Lock()

    def answer(request: dict[str, Any]) -> None:
        found = call(request["call"], request["arguments"])
        data = json.dumps({"id": request["id"], **found}).encode()
        with lock, contextlib.suppress(OSError):
            sink.write(_HEAD.pack(len(data)) + data)
            sink.flush()

    while True:
        head = source.read(_HEAD.size)
        if len(head) < _HEAD.size:
            streams.finish_all()
            os._exit(0)  # and all its threads: nobody is left to answer to
        request = json.loads(source.read(_HEAD.unpack(head)[0]))
        threading.Thread(target=answer, args=(request,), daemon=True).start()
