"""Keeps the output of cells while no client is connected, for the next client that asks."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from typing import Any, NamedTuple

from yarnkernel.recording import RecordedCell, Recording

#: Message types that begin a cell, and those with its output.
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
#: Bytes of output to keep, newest first; cells whose code is kept, and characters of each.
ROOM, CODES_KEPT, LONGEST_CODE = 1 << 20, 64, 1 << 13
#: Characters up to which stream outputs are joined, so that not every line costs a message.
_JOINED = 1 << 14


class _Broadcast(NamedTuple):
    request: str
    kind: str
    content: dict[str, Any]
    size: int

    @classmethod
    def of(cls, request: str, kind: str, content: dict[str, Any]) -> _Broadcast:
        return cls(request, kind, content, len(json.dumps(content, default=str)))

    def joined(self, other: _Broadcast) -> _Broadcast | None:
        """Join two stream outputs; return None if they belong to different streams or are long."""
        texts = [one.content.get("text") for one in (self, other) if one.kind == "stream"]
        first, last = [*texts, None, None][:2]
        if not isinstance(first, str) or not isinstance(last, str) or len(first) > _JOINED:
            return None
        name = self.content.get("name")
        if self.request != other.request or name != other.content.get("name"):
            return None
        return self.of(self.request, "stream", {"name": name, "text": first + last})


class Recorder:
    """See the module."""

    def __init__(self) -> None:
        self._kept: deque[_Broadcast] = deque()
        self._size = self._left_out = 0
        self._codes: OrderedDict[str, str] = OrderedDict()

    def begin(self, message: dict[str, Any]) -> None:
        """Note that a cell begins."""
        code = str(message["content"].get("code", ""))
        self._codes[message["parent_header"].get("msg_id", "")] = code[:LONGEST_CODE]
        while len(self._codes) > CODES_KEPT:
            self._codes.popitem(last=False)

    def keep(self, message: dict[str, Any]) -> None:
        """Keep an output, and drop the oldest ones if there is no room."""
        request = message["parent_header"].get("msg_id", "")
        new = _Broadcast.of(request, message["msg_type"], message["content"])
        if self._kept and (both := self._kept[-1].joined(new)) is not None:
            self._size -= self._kept.pop().size
            new = both
        self._kept.append(new)
        self._size += new.size
        while self._size > ROOM:
            size = self._kept.popleft().size
            self._size -= size
            self._left_out += size

    def leave_out(self, size: int) -> None:
        """Note an output that is too large to keep."""
        self._left_out += size

    def recording(self) -> Recording:
        """Return the recording."""
        cells: dict[str, RecordedCell] = {}
        for request, kind, content, _ in self._kept:
            code = self._codes.get(request, "")
            cell = cells.setdefault(request, RecordedCell(request, code))
            cell.messages.append((kind, content))
        return Recording([*cells.values()], self._left_out)

    def forget(self) -> None:
        """Drop the recording."""
        self._kept.clear()
        self._size = self._left_out = 0
