"""Receives and sends values in pieces, on this side of the connection."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yarnkernel.groups.codec import (
    MIME,
    Decoder,
    Encoder,
    TravelError,
    check_digest,
    digest_of,
    pieces_of,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yarnkernel.groups.channels import Message

#: Bytes of one request: a larger one would delay an interrupt.
REQUEST_SIZE = 16 << 20


@dataclass
class _Arriving:
    parts: list[bytearray]
    digest: str
    #: The offset of the next piece in each part: a kernel sends them in order.
    reached: list[int]


@dataclass
class Incoming:
    """Values that a kernel sends, and why others are missing.

    Attributes
    ----------
    names : sequence of str
        The requested names.
    limit : int
        The most bytes of each value.
    pickles : bool
        Whether to open pickles.
    """

    names: Sequence[str]
    limit: int
    pickles: bool
    problems: dict[str, str] = field(default_factory=dict)
    _found: dict[str, Any] = field(default_factory=dict)
    _arriving: dict[str, _Arriving] = field(default_factory=dict)

    def hear(self, message: Message) -> None:
        """Process a kernel's message, which is not trusted."""
        if message.kind == "error":
            text = f"{message.content.get('ename')}: {message.content.get('evalue')}"
            self.problems.update((name, text) for name in self.names if name not in self._found)
            return
        value = message.content.get("data", {}).get(MIME)
        try:
            told = json.loads(value) if isinstance(value, str) else value
            if isinstance(told, dict) and told.get("name") in self.names:
                self._take(told["name"], told, message.buffers)
        except TravelError as exc:
            self.problems[told["name"]] = str(exc)
        except (ValueError, TypeError, KeyError, IndexError, MemoryError) as exc:
            self.problems.update(dict.fromkeys(self.names, f"what came is no value: {exc!r}"))

    def _take(self, name: str, told: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        if "problem" in told:
            raise TravelError(str(told["problem"]))
        if "json" in told:
            if len(told["json"]) > self.limit:
                raise TravelError("it is larger than the limit, which its kernel does not heed")
            self._found[name] = json.loads(told["json"])
        elif "sizes" in told:
            sizes = [int(size) for size in told["sizes"]]
            # The limit is for the value; these sizes include its description, too.
            if min(sizes) < 0 or sum(sizes) > 2 * self.limit + 4096:
                raise TravelError("it is larger than the limit, which its kernel does not heed")
            parts = [bytearray(size) for size in sizes]
            self._arriving[name] = _Arriving(parts, str(told["digest"]), [0] * len(parts))
        else:
            self._add(self._arriving[name], told["part"], told["begin"], buffers[0])

    @staticmethod
    def _add(arriving: _Arriving, number: int, begin: int, piece: memoryview) -> None:
        part, end = arriving.parts[number], begin + len(piece)
        if begin != arriving.reached[number] or end > len(part):
            raise TravelError("a piece of it is missing")
        part[begin:end] = piece
        arriving.reached[number] = end

    def finish(self) -> dict[str, Any]:
        """Return the values that have arrived; record a problem for the others."""
        for name, arriving in self._arriving.items():
            try:
                check_digest(arriving.parts, arriving.digest)
                self._found[name] = Decoder(arriving.parts, pickles=self.pickles).decode()
            except TravelError as exc:
                self.problems.setdefault(name, str(exc))
        self._arriving.clear()
        for name in self.names:
            if name not in self._found:
                self.problems.setdefault(name, "it has not come")
        return {name: self._found[name] for name in self.names if name not in self.problems}


@dataclass(frozen=True)
class Load:
    """The content of one request.

    Attributes
    ----------
    values : dict
        Sizes and digest of each value.
    places : list
        Name, part and offset of the piece in each buffer.
    buffers : list of memoryview
        The pieces.
    last : bool
        Whether it is the last request.
    """

    values: dict[str, dict[str, Any]]
    places: list[list[Any]]
    buffers: list[memoryview]
    last: bool


def encode_all(
    values: Mapping[str, Any], limit: int, *, pickles: bool
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Encode values; return their parts, and the problems of those that cannot be sent."""
    parts: dict[str, list[Any]] = {}
    problems: dict[str, str] = {}
    for name, value in values.items():
        try:
            parts[name] = Encoder(limit, pickles=pickles).encode(value)
        except TravelError as exc:
            problems[name] = str(exc)
        except Exception as exc:  # noqa: BLE001  (of a value's own code)
            problems[name] = repr(exc)
    return parts, problems


def loads_of(values: Mapping[str, Sequence[Any]]) -> Iterator[Load]:
    """Split the parts of values into loads for one request each."""
    known = {
        name: {"sizes": [*map(size_of, parts)], "digest": digest_of(parts)}
        for name, parts in values.items()
    }
    places: list[list[Any]] = []
    buffers: list[memoryview] = []
    for name, parts in values.items():
        for number, begin, piece in pieces_of(parts):
            if buffers and sum(map(len, buffers)) + len(piece) > REQUEST_SIZE:
                yield Load(known, places, buffers, last=False)
                places, buffers = [], []
            places.append([name, number, begin])
            buffers.append(piece)
    yield Load(known, places, buffers, last=True)
