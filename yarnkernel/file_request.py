"""Transfer of files between a kernel and its notebook's directory: the protocol.

The kernel broadcasts a request; its supervisor hears it and adds it to the status. Whoever manages
the kernel for its front end reads the status there, and fetches the file from the supervisor, or
sends it, piece by piece.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

#: The type of the kernel's broadcast, whose content is a :class:`FileRequest`.
MESSAGE = "yarnkernel_file"
#: The command that transfers the file. Its argument is a JSON object with ``id``, ``step`` and the
#: step's field: ``read`` (``offset``), ``write`` (``data``, base64), ``end`` (``error``).
VERB = "file"
#: The supervisor puts a requested piece under this key.
PIECE_KEY = "yarnkernel.file"
#: Bytes of a piece, and of the largest file.
PIECE, LARGEST = 1 << 20, 100 << 20
#: Seconds for a front end to begin, and between two pieces; seconds for a whole file.
PATIENCE, TIMEOUT = 10.0, 300.0
#: To the notebook's directory, and from it.
GET, PUT = "get", "put"


@dataclass(frozen=True)
class FileRequest:
    """A kernel's request.

    Attributes
    ----------
    id : str
        A unique id.
    verb : str
        ``"get"``: bring a file of the kernel's to its notebook; ``"put"``: the other way.
    path : str
        Absolute path on the kernel's host.
    name : str
        Relative to the notebook's directory.
    """

    id: str
    verb: str
    path: str
    name: str

    def to_dict(self) -> dict[str, str]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Any) -> FileRequest | None:
        """Read it from JSON; return None if it is invalid."""
        names = tuple(cls.__dataclass_fields__)
        if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in names):
            return None
        if not re.fullmatch("[0-9a-f]{32}", found["id"]):  # it becomes part of file names
            return None
        return cls(**{name: found[name] for name in names})
