"""Files in a kernel's directory by which client and supervisor find each other outside YARN."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

#: Variable with the directory of a kernel outside YARN.
DIRECTORY_VARIABLE = "YARNKERNEL_DIRECTORY"
#: Variable of the kernel with the directory of the files that came along.
FILES_VARIABLE = "YARNKERNEL_FILES"
#: Variable with the address for such a kernel; by default one that other hosts can reach.
ADDRESS_VARIABLE = "YARNKERNEL_ADDRESS"
#: Variable with the MiB that such a kernel may use.
MEMORY_VARIABLE = "YARNKERNEL_MEMORY"
#: The store's address and its CurveZMQ public key.
ADDRESS_FILE = "address.json"
#: The public keys of its clients, one per line.
CLIENTS_FILE = "clients"
#: How the kernel ended.
END_FILE = "end.json"
#: Its text for a kernel that was ended by a signal.
ENDED_BY_SIGNAL = "It was asked to end by a signal."
#: The process id of a kernel that is a plain process of the host.
PID_FILE = "pid"
#: Directory of the kernel's files, which is deleted when it ends.
FILES_DIRECTORY = "files"
#: The output of supervisor and kernel.
LOG_FILE = "kernel.log"


def write_private(path: Path, document: dict[str, Any] | list[Any]) -> None:
    """Write a JSON file that only its owner can read, atomically.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    # mkstemp makes the file with mode 0600.
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream)
        Path(part).replace(path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise
