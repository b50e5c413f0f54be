"""Files of a kernel's own directory by which the two sides outside YARN find each other."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

#: Variable with the directory of a kernel outside YARN.
DIRECTORY_VARIABLE = "YARNKERNEL_DIRECTORY"
#: Variable of the kernel with the directory where files that came along are.
FILES_VARIABLE = "YARNKERNEL_FILES"
#: Variable with the address that such a kernel is to have; by default one that others can reach.
ADDRESS_VARIABLE = "YARNKERNEL_ADDRESS"
#: Variable with the MiB that such a kernel may use.
MEMORY_VARIABLE = "YARNKERNEL_MEMORY"
#: Where the store listens, and its public key of CurveZMQ.
ADDRESS_FILE = "address.json"
#: The public keys of the clients that may ask it, a line each.
CLIENTS_FILE = "clients"
#: How the kernel ended.
END_FILE = "end.json"
#: What is said there of one that was asked to end by a signal.
ENDED_BY_SIGNAL = "It was asked to end by a signal."
#: The process id of a kernel that is a plain process of its host.
PID_FILE = "pid"
#: Directory of what the kernel was given, which goes when it ends.
FILES_DIRECTORY = "files"
#: What supervisor and kernel have printed.
LOG_FILE = "kernel.log"


def write_private(path: Path, document: dict[str, Any]) -> None:
    """Write a file of JSON that its owner alone can read, at once or not at all.

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
