"""Files between a kernel and its notebook's directory: what kernel, supervisor and client agree on.

The kernel broadcasts that it wants one; its supervisor, which hears that, puts it into its status;
who looks after the kernel for its front end reads that, and asks the supervisor for one piece of
the file after the other, or gives it one.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

#: The type of the kernel's broadcast, whose content is a :class:`FileRequest`.
MESSAGE = "yarnkernel_file"
#: The command of who carries the file; its argument is a JSON object with ``id``, ``step`` and
#: what belongs to that: ``read`` (``offset``), ``write`` (``data``, base64), ``end`` (``error``).
VERB = "file"
#: Under this key the supervisor puts a piece that it was asked for.
PIECE_KEY = "yarnkernel.file"
#: Bytes of a piece, and of the largest file.
PIECE, LARGEST = 1 << 20, 100 << 20
#: Seconds that a front end may take to begin, and between two pieces; and for all of a file.
PATIENCE, TIMEOUT = 10.0, 300.0
#: To the notebook's directory, and from there.
GET, PUT = "get", "put"


@dataclass(frozen=True)
class FileRequest:
    """What a kernel wants.

    Attributes
    ----------
    id : str
        One of its own.
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
        """Write it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Any) -> FileRequest | None:
        """Read it; None when it is none."""
        names = tuple(cls.__dataclass_fields__)
        if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in names):
            return None
        if not re.fullmatch("[0-9a-f]{32}", found["id"]):  # a part of names of files
            return None
        return cls(**{name: found[name] for name in names})
