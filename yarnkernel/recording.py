"""The output of cells while no client was connected, as supervisor and client exchange it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from yarnkernel.errors import YarnKernelError

#: On request (``VERB``) a supervisor puts the missed output under this key and the command's id,
#: and answers with the key.
RECORDING_KEY = "yarnkernel.recording"
VERB = "recording"


@dataclass(frozen=True)
class RecordedCell:
    """One cell, whoever ran it.

    Attributes
    ----------
    request : str
        Id of its execute request.
    code : str
        Its code; empty if that is no longer known.
    messages : list of [str, dict]
        Type and content of its broadcasts, in order.
    """

    request: str
    code: str = ""
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True)
class Recording:
    """All missed output.

    Attributes
    ----------
    cells : list of RecordedCell
        In order.
    left_out : int
        Bytes of the oldest output, which was dropped for lack of room.
    """

    cells: list[RecordedCell] = field(default_factory=list)
    left_out: int = 0

    def to_bytes(self) -> bytes:
        """Write it as the value of a key."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> Recording:
        """Read it.

        Raises
        ------
        YarnKernelError
            When it is none.
        """
        try:
            found = json.loads(value)
            cells = [
                RecordedCell(
                    str(cell["request"]),
                    str(cell["code"]),
                    [(str(kind), dict(content)) for kind, content in cell["messages"]],
                )
                for cell in found["cells"]
            ]
            return cls(cells, int(found["left_out"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise YarnKernelError(f"what was missed cannot be read: {exc}") from None
