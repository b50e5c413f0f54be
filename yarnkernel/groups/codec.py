"""Converts values to bytes and back without pickle; used on both sides of a connection.

Its source is sent to Python kernels, which have nothing else of this package: it imports only the
standard library.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: The MIME type of a value's messages, which only yarnkernel reads.
MIME = "application/vnd.yarnkernel.value+json"
#: Key of the kind of a value that JSON does not have.
KIND = "$"
#: Bytes of a piece, and the most pieces of a value: a kernel drops messages once 1000 wait.
PIECE, MOST_PIECES = 4 << 20, 200
#: Types that JSON keeps.
_PLAIN = (type(None), bool, int, float, str)
#: How to split other types into items.
_ITEMS: dict[Any, Any] = {
    tuple: list,
    set: list,
    frozenset: list,
    complex: lambda value: [value.real, value.imag],
    dt.date: lambda value: [value.isoformat()],
    dt.datetime: lambda value: [value.isoformat()],
    dict: lambda value: [*value.items()],
}
_MAKERS: dict[str, Any] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "complex": lambda items: complex(*items),
    "date": lambda items: dt.date.fromisoformat(*items),
    "datetime": lambda items: dt.datetime.fromisoformat(*items),
    "dict": dict,
}
_BYTES: dict[str, Any] = {"bytes": bytes, "bytearray": bytearray}


class TravelError(Exception):
    """A value cannot be transferred."""


def _library(name: str, what: str) -> Any:
    """Return a module that a value needs."""
    try:
        return import_module(name)
    except ImportError:
        raise TravelError(f"{what} needs {name}, which is not installed on both sides") from None


def _arrow(what: str) -> Any:
    """Return Arrow, unless it is a version that runs code from streams (CVE-2023-47248)."""
    arrow = _library("pyarrow", what)
    version = [int(number) for number in arrow.__version__.split(".")[:3] if number.isdecimal()]
    if version < [14, 0, 1]:
        raise TravelError(f"{what} needs pyarrow 14.0.1, and here is {arrow.__version__}")
    return arrow


class Encoder:
    """Writes one value as JSON with numbered buffers.

    Parameters
    ----------
    limit : int
        The most bytes of the value.
    pickles : bool
        Whether to pickle what cannot be encoded otherwise.
    """

    def __init__(self, limit: int, *, pickles: bool) -> None:
        self._buffers: list[Any] = []
        self._limit = limit
        self._size = 0
        self._pickles = pickles

    def encode(self, value: Any) -> list[Any]:
        """Return the value's parts, the first of which is JSON.

        Raises
        ------
        TravelError
            When it cannot be encoded or is too large.
        """
        try:
            tree = json.dumps(self._tree(value)).encode()
        except RecursionError:
            raise TravelError("it is nested too deeply, or has itself in it") from None
        self._count(len(tree))
        return [tree, *self._buffers]

    def _count(self, size: int) -> None:
        """Add to the size, before bytes are copied."""
        self._size += size
        if self._size > self._limit:
            raise TravelError(
                f"it has {self._size / 1e6:.1f} MB, and {self._limit / 1e6:.1f} MB is the limit; "
                "next: a larger --limit"
            )

    def _buffer(self, kind: str, content: Any, **more: Any) -> dict[str, Any]:
        self._buffers.append(content)
        return {KIND: kind, "buffer": len(self._buffers), **more}

    def _tree(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is list:
            return [self._tree(one) for one in value]
        if kind is dict and KIND not in value and all(type(key) is str for key in value):
            return {key: self._tree(one) for key, one in value.items()}
        if kind in _ITEMS:
            return {KIND: kind.__name__, "items": [self._tree(one) for one in _ITEMS[kind](value)]}
        return self._of_bytes(value)

    def _of_bytes(self, value: Any) -> dict[str, Any]:
        if type(value) not in _BYTES.values():
            return self._of_library(value)
        self._count(len(value))
        return self._buffer(type(value).__name__, value)

    def _of_library(self, value: Any) -> dict[str, Any]:
        module, name = type(value).__module__.partition(".")[0], type(value).__name__
        if module == "numpy" and hasattr(value, "dtype"):
            return self._array(value)
        if module == "pandas" and name in ("DataFrame", "Series"):
            return self._frame(value, name)
        if module == "pyarrow" and name == "Table":
            return self._table(_arrow("a Table"), value, name)
        if not self._pickles:
            raise TravelError(
                f"a value of the type {type(value).__module__}.{type(value).__qualname__} cannot "
                "travel without pickle; next: --pickle, if you trust that side"
            )
        try:
            content = pickle.dumps(value, protocol=4)
        except Exception as exc:  # noqa: BLE001  (of a value's own code)
            raise TravelError(f"it cannot be pickled: {exc}") from None
        self._count(len(content))
        return self._buffer("pickle", content)

    def _array(self, value: Any) -> dict[str, Any]:
        numpy = sys.modules["numpy"]
        if isinstance(value, numpy.ma.MaskedArray):
            raise TravelError("a masked array cannot be written as .npy; next: its .filled()")
        if value.dtype.hasobject:
            raise TravelError("an array of Python objects cannot travel; next: its .tolist()")
        self._count(value.nbytes)
        file = io.BytesIO()
        numpy.save(file, numpy.asarray(value), allow_pickle=False)
        kind = "array" if isinstance(value, numpy.ndarray) else "scalar"
        return self._buffer(kind, file.getbuffer())

    def _frame(self, value: Any, name: str) -> dict[str, Any]:
        arrow = _arrow(f"a {name} of pandas")
        named = {"name": self._tree(value.name)} if name == "Series" else {}
        try:
            table = arrow.Table.from_pandas(value.to_frame("value") if named else value)
        except (arrow.ArrowException, TypeError, ValueError) as exc:
            raise TravelError(f"Arrow cannot carry it: {exc}") from None
        return self._table(arrow, table, name, **named)

    def _table(self, arrow: Any, table: Any, kind: str, **more: Any) -> dict[str, Any]:
        self._count(table.nbytes)
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return self._buffer(kind, memoryview(sink.getvalue()), **more)


class Decoder:
    """Decodes a value.

    Parameters
    ----------
    parts : sequence of bytes
        As :class:`Encoder` returns them.
    pickles : bool
        Whether to open pickles, which can run any code.
    """

    def __init__(self, parts: Sequence[Any], *, pickles: bool) -> None:
        self._parts = parts
        self._pickles = pickles

    def decode(self) -> Any:
        """Return the value.

        Raises
        ------
        TravelError
            When it cannot be decoded here.
        """
        try:
            return self._value(json.loads(bytes(self._parts[0])))
        except TravelError:
            raise
        except Exception as exc:  # noqa: BLE001  (of libraries, and of classes not known here)
            raise TravelError(f"it cannot be read: {type(exc).__name__}: {exc}") from None

    def _value(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self._value(one) for one in tree]
        if not isinstance(tree, dict):
            return tree
        if KIND not in tree:
            return {key: self._value(one) for key, one in tree.items()}
        kind = tree[KIND]
        if "buffer" in tree:
            return self._of_buffer(kind, self._parts[tree["buffer"]], tree)
        items = self._value(tree["items"])
        return _MAKERS[kind](items)

    def _of_buffer(self, kind: str, content: Any, tree: dict[str, Any]) -> Any:
        if kind in _BYTES:
            return _BYTES[kind](content)
        if kind in ("array", "scalar"):
            numpy = _library("numpy", f"an {kind}")
            array = numpy.load(io.BytesIO(content), allow_pickle=False)
            return array[()] if kind == "scalar" else array
        if kind in ("Table", "DataFrame", "Series"):
            return self._of_table(kind, content, tree)
        if kind != "pickle":
            raise TravelError(f"its kind {kind!r} is not known here")
        if not self._pickles:
            raise TravelError("it is a pickle, which is opened with --pickle alone")
        return pickle.loads(content)  # noqa: S301  (the user has said so)

    def _of_table(self, kind: str, content: Any, tree: dict[str, Any]) -> Any:
        arrow = _arrow(f"a {kind}")
        with arrow.ipc.open_stream(arrow.py_buffer(content)) as reader:
            table = reader.read_all()
        if kind == "Table":
            return table
        _library("pandas", f"a {kind}")
        frame = table.to_pandas()
        return frame["value"].rename(self._value(tree["name"])) if kind == "Series" else frame


def digest_of(parts: Iterable[Any]) -> str:
    """Return a digest of all parts, as Jupyter's signatures do not cover buffers."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def check_digest(parts: Iterable[Any], digest: str) -> None:
    """Check that parts are complete and unchanged.

    Raises
    ------
    TravelError
        When they are not.
    """
    if digest_of(parts) != digest:
        raise TravelError("it has not arrived whole")


def size_of(part: Any) -> int:
    """Return the bytes of a part."""
    return memoryview(part).nbytes


def pieces_of(parts: Sequence[Any]) -> Iterator[tuple[int, int, memoryview]]:
    """Split parts into pieces; yield the part's number, the offset in it, and the bytes of each."""
    size = max(PIECE, -(-sum(map(size_of, parts)) // MOST_PIECES))
    for number, part in enumerate(parts):
        view = memoryview(part).cast("B")
        for begin in range(0, len(view), size):
            yield number, begin, view[begin : begin + size]
