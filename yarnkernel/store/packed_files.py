"""Pack files into a container's credentials, and unpack them by its command."""

from __future__ import annotations

import base64
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: Lines around the packed files, by which a shell finds them in the binary file of credentials. The
#: first one has a random word for each application, so that nothing else in there can match it.
_BEGIN, _END = "=yarnkernel-files-{}=", "=yarnkernel-end="
#: Log of the kernel's output, the same one as with skein's ApplicationMaster.
KERNEL_LOG = "application.driver.log"
#: Log of a further container's output. NodeManagers put the end of logs with "stderr" in their
#: names into the diagnostics (``yarn.nodemanager.container.stderr.pattern``).
FURTHER_LOG = "container.stderr.log"


def container_command(word: str, script: str, log: str = KERNEL_LOG) -> str:
    """Return a container's command that unpacks the files and runs the script.

    It only needs bash, sed, tar, gzip and coreutils: the choice of Python is up to the script.

    Parameters
    ----------
    word : str
        The same one as for :func:`pack_files`: letters and digits.
    script : str
        The script's name.
    log : str
        Name of the log for its output.
    """
    begin = _BEGIN.format(word)
    unpack = (
        rf"LC_ALL=C sed -n '/^{begin}$/,/^{_END}$/{{/^=/!p}}' \"\$HADOOP_TOKEN_FILE_LOCATION\""
        " | base64 -d | tar -xz"
    )
    # exec makes the script, and later the recipe, the container's process.
    return f"{{ {unpack} && exec bash {script}; }} </dev/null ><LOG_DIR>/{log} 2>&1"


def pack_files(files: Mapping[str, bytes], executable: Collection[str], word: str) -> bytes:
    """Pack files as a secret that :func:`container_command` unpacks.

    Parameters
    ----------
    files : mapping of str to bytes
        Contents by names in the container's directory, where only their owner can access them.
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
    """Return a secret without some of its files."""
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
