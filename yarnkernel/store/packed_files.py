"""Files in a container's credentials: how they are packed, and unpacked by its command."""

from __future__ import annotations

import base64
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: Lines around what travels, by which a shell finds it in the binary file of credentials. The
#: first has a word of its own for each application: nothing else in there can pass for it.
_BEGIN, _END = "=yarnkernel-files-{}=", "=yarnkernel-end="
#: Where the kernel's output goes: where skein's ApplicationMaster writes it.
KERNEL_LOG = "application.driver.log"
#: Where that of a further container goes. NodeManagers put the end of what has "stderr" in its
#: name into the diagnostics (``yarn.nodemanager.container.stderr.pattern``).
FURTHER_LOG = "container.stderr.log"


def container_command(word: str, script: str, log: str = KERNEL_LOG) -> str:
    """Return the command of a container that unpacks what travels and runs the script.

    It needs bash, sed, tar, gzip and coreutils alone: which Python there is, the script decides.

    Parameters
    ----------
    word : str
        What :func:`pack_files` was given: letters and digits.
    script : str
        Its name.
    log : str
        Name of the log that its output goes to.
    """
    begin = _BEGIN.format(word)
    unpack = (
        rf"LC_ALL=C sed -n '/^{begin}$/,/^{_END}$/{{/^=/!p}}' \"\$HADOOP_TOKEN_FILE_LOCATION\""
        " | base64 -d | tar -xz"
    )
    # exec, so that the container's process is the script's, and the recipe's after it.
    return f"{{ {unpack} && exec bash {script}; }} </dev/null ><LOG_DIR>/{log} 2>&1"


def pack_files(files: Mapping[str, bytes], executable: Collection[str], word: str) -> bytes:
    """Pack what travels, as a secret that :func:`container_command` unpacks.

    Parameters
    ----------
    files : mapping of str to bytes
        What is in them, by their names in the container's directory. They are
        for their owner alone there.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o700 if name in executable else 0o600
            archive.addfile(entry, io.BytesIO(content))
    lines = base64.encodebytes(packed.getvalue()).decode()
    return f"\n{_BEGIN.format(word)}\n{lines}{_END}\n".encode()


def without(packed: bytes, unwanted: Collection[str]) -> bytes:
    """Return the same secret without some of the files."""
    begin, *lines, _ = packed.split()
    word = begin.decode().removeprefix(_BEGIN.partition("{")[0]).rstrip("=")
    kept, executable = {}, set()
    content = io.BytesIO(base64.b64decode(b"".join(lines)))
    with tarfile.open(fileobj=content, mode="r:gz") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            if file is not None and entry.name not in unwanted:
                kept[entry.name] = file.read()
                if entry.mode & 0o100:
                    executable.add(entry.name)
    return pack_files(kept, executable, word)
