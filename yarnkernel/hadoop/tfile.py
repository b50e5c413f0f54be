"""Read Hadoop's TFile: keys and values in blocks, in order.

The format is that of ``org.apache.hadoop.io.file.tfile`` (BCFile, Chunk, Utils) of
Hadoop 3.5.0. NodeManagers collect logs in such files.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from yarnkernel.errors import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Reads bytes of the file; called with offset and length.
ReadAt = Callable[[int, int], bytes]
_MAGIC = bytes.fromhex("d111d36891b5d7b639df414092bae150")
#: Before the magic come the offset of the index and the version, 1.0.
_TAIL_SIZE = 8 + 4 + len(_MAGIC)
_MAJOR_VERSION = 1
#: Bytes to read at once.
_BUFFER = 1 << 20
#: zlib or gzip, detected by the header.
_WBITS = 32 + zlib.MAX_WBITS


class _Source(Protocol):
    def piece(self) -> bytes:
        """Return the next bytes; empty at the end."""

    def skip(self, size: int) -> int:
        """Skip up to ``size`` bytes and return how many; 0 if they have to be read."""


class Input:
    """The bytes of a source, in order."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._buffer = b""
        self._position = 0

    def at_end(self) -> bool:
        """Return whether there are no more bytes."""
        if self._position == len(self._buffer):
            self._buffer, self._position = self._source.piece(), 0
        return not self._buffer

    def _take(self, size: int) -> bytes:
        if self.at_end():
            raise UnreadableFileError("it ends too early")
        part = self._buffer[self._position : self._position + size]
        self._position += len(part)
        return part

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` bytes."""
        content = bytearray()
        while len(content) < size:
            content += self._take(size - len(content))
        return bytes(content)

    def skip(self, size: int) -> None:
        """Skip exactly ``size`` bytes."""
        buffered = min(size, len(self._buffer) - self._position)
        self._position += buffered
        size -= buffered
        while size and (passed := self._source.skip(size)):
            size -= passed
        while size:
            size -= len(self._take(size))

    def unsigned(self, size: int) -> int:
        """Read an unsigned number of ``size`` bytes."""
        return int.from_bytes(self.read(size), "big")

    def vint(self) -> int:
        """Read a variable-length number (Utils.readVLong of TFile)."""
        first = int.from_bytes(self.read(1), "big", signed=True)
        # The first byte's range gives the length, its offset there the number's highest byte.
        for lowest, base, size in ((-32, 0, 0), (-72, 52, 1), (-104, 88, 2), (-120, 112, 3)):
            if first >= lowest:
                return (first + base) << 8 * size | self.unsigned(size)
        size = first + 129
        if size < 4:  # noqa: PLR2004  (shorter ones are written in the other ways)
            raise UnreadableFileError("a number in it is damaged")
        return int.from_bytes(self.read(size), "big", signed=True)

    def text(self) -> str:
        """Read a length-prefixed string (Utils.readString)."""
        return self.read(_natural(self.vint())).decode(errors="replace")


def _natural(number: int) -> int:
    if number < 0:
        raise UnreadableFileError("a length in it is negative")
    return number


class _Region:
    """A part of the file."""

    def __init__(self, read_at: ReadAt, begin: int, end: int) -> None:
        self._read_at = read_at
        self._position = begin
        self._end = end

    def piece(self) -> bytes:
        size = min(_BUFFER, self._end - self._position)
        content = self._read_at(self._position, size) if size else b""
        if len(content) != size:
            raise UnreadableFileError("it is shorter than it was")
        self._position += size
        return content

    def skip(self, size: int) -> int:
        passed = min(size, self._end - self._position)
        self._position += passed
        return passed


class _Inflated:
    """The uncompressed content of a region."""

    def __init__(self, region: _Region) -> None:
        self._region = region
        self._inflater = zlib.decompressobj(_WBITS)

    def piece(self) -> bytes:
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._region.piece()
            try:
                content = self._inflater.decompress(packed, _BUFFER)
            except zlib.error as exc:
                raise UnreadableFileError(f"a block in it is damaged: {exc}") from exc
            if content:
                return content
            if not packed:
                raise UnreadableFileError("a block in it ends too early")
        return b""

    def skip(self, size: int) -> int:  # noqa: ARG002
        return 0


class _Chunks:
    """A value: length-prefixed chunks, with negative lengths except for the last one."""

    def __init__(self, block: Input) -> None:
        self._block = block
        self._left = 0
        self._is_last = False

    def _next_chunk(self) -> int:
        while not self._left and not self._is_last:
            length = self._block.vint()
            self._is_last = length >= 0
            self._left = abs(length)
        return self._left

    def piece(self) -> bytes:
        content = self._block.read(min(self._next_chunk(), _BUFFER))
        self._left -= len(content)
        return content

    def skip(self, size: int) -> int:
        passed = min(size, self._next_chunk())
        self._block.skip(passed)
        self._left -= passed
        return passed


class TFile:
    """A TFile.

    Parameters
    ----------
    read_at : callable
        Reads bytes of the file; called with offset and length.
    size : int
        The file's size in bytes.
    """

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self._read_at = read_at
        self._size = size

    def entries(self) -> Iterator[tuple[bytes, Input]]:
        """Yield keys and values; values need not be read to their end.

        Raises
        ------
        UnreadableFileError
            When the file is damaged, has another format, or an unknown compression.
        """
        for block in self._blocks():
            while not block.at_end():
                key = block.read(_natural(block.vint()))
                value = _Chunks(block)
                yield key, Input(value)
                while value.skip(_BUFFER):
                    pass

    def _blocks(self) -> Iterator[Input]:
        """Yield the data blocks (BCFile.Reader)."""
        tail_begin = self._size - _TAIL_SIZE
        if tail_begin < 0:
            raise UnreadableFileError("it is too short for a TFile")
        tail = Input(_Region(self._read_at, tail_begin, self._size))
        index_begin = tail.unsigned(8)
        version, magic = tail.unsigned(2), tail.read(2 + len(_MAGIC))[2:]
        if magic != _MAGIC or version != _MAJOR_VERSION or index_begin > tail_begin:
            raise UnreadableFileError("it is not a TFile")
        index = Input(_Region(self._read_at, index_begin, tail_begin))
        for _ in range(_natural(index.vint())):
            name, compression = index.text(), index.text()
            regions = self._block(index, compression)
            if name == "data:BCFile.index":
                compression = regions.text()
                for _ in range(_natural(regions.vint())):
                    yield self._block(regions, compression)

    def _block(self, index: Input, compression: str) -> Input:
        """Return the block for the next entry of an index."""
        begin, packed_size, _ = (_natural(index.vint()) for _ in range(3))
        if begin + packed_size > self._size:
            raise UnreadableFileError("a block of it would be behind its end")
        region = _Region(self._read_at, begin, begin + packed_size)
        if compression == "none":
            return Input(region)
        if compression == "gz":
            return Input(_Inflated(region))
        raise UnreadableFileError(f"its compression {compression!r} is not known here")
