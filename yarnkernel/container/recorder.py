"""Keeps what cells broadcast while no client is connected, for the next one that asks."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from typing import Any, NamedTuple

from yarnkernel.recording import RecordedCell, Recording

#: Broadcasts that begin a cell, and those with what comes of it.
INPUT = "execute_input"
OUTPUTS = frozenset(
    {
        "clear_output",
        "display_data",
        "error",
        "execute_result",
        "stream",
        "update_display_data",
    }
)
#: Bytes that are kept, the newest; and cells whose code is known.
ROOM, CODES_KEPT = 1 << 20, 64
#: Characters up to which texts of a stream are joined: a line each would cost a message each.
_JOINED = 1 << 14


class _Broadcast(NamedTuple):
    request: str
    kind: str
    content: dict[str, Any]

    @property
    def size(self) -> int:
        return len(json.dumps(self.content, default=str))

    def joined(self, other: _Broadcast) -> _Broadcast | None:
        """Return both as one; None where they are not of one stream, or long enough."""
        if (self.request, self.kind, other.kind) != (other.request, "stream", "stream"):
            return None
        text = self.content["text"]
        if self.content["name"] != other.content["name"] or len(text) > _JOINED:
            return None
        return self._replace(content={**self.content, "text": text + other.content["text"]})


class Recorder:
    """See the module."""

    def __init__(self) -> None:
        self._kept: deque[_Broadcast] = deque()
        self._size = self._left_out = 0
        self._codes: OrderedDict[str, str] = OrderedDict()

    def begin(self, message: dict[str, Any]) -> None:
        """Note that a cell begins."""
        self._codes[message["parent_header"].get("msg_id", "")] = message["content"]["code"]
        while len(self._codes) > CODES_KEPT:
            self._codes.popitem(last=False)

    def keep(self, message: dict[str, Any]) -> None:
        """Keep what came of one, and let go of the oldest of all where there is no room."""
        request = message["parent_header"].get("msg_id", "")
        new = _Broadcast(request, message["msg_type"], message["content"])
        if self._kept and (both := self._kept[-1].joined(new)) is not None:
            self._size -= self._kept.pop().size
            new = both
        self._kept.append(new)
        self._size += new.size
        while self._size > ROOM:
            size = self._kept.popleft().size
            self._size -= size
            self._left_out += size

    def take(self) -> Recording:
        """Return what there is, and forget it."""
        cells: dict[str, RecordedCell] = {}
        for request, kind, content in self._kept:
            code = self._codes.get(request, "")
            cell = cells.setdefault(request, RecordedCell(request, code))
            cell.messages.append((kind, content))
        recording = Recording([*cells.values()], self._left_out)
        self._kept.clear()
        self._size = self._left_out = 0
        return recording
