"""Values as bytes and back, without a kernel."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.groups import unknown_there
from yarnkernel.groups.codec import (
    Decoder,
    Encoder,
    TravelError,
    digest_of,
    pieces_of,
    size_of,
)

LIMIT = 10_000_000
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.datetimes()
)
KEYS = st.text() | st.integers() | st.tuples(st.integers(), st.text()) | st.just("$")
VALUES = st.recursive(
    LEAVES,
    lambda inside: (
        st.lists(inside)
        | st.tuples(inside, inside)
        | st.dictionaries(KEYS, inside)
        | st.frozensets(st.integers())
    ),
    max_leaves=10,
)


def there_and_back(value: Any, *, pickles: bool = False) -> Any:
    parts = Encoder(LIMIT, pickles=pickles).encode(value)
    whole = [bytearray(size_of(part)) for part in parts]
    for number, begin, piece in pieces_of(parts):
        whole[number][begin : begin + len(piece)] = piece
    assert digest_of(whole) == digest_of(parts)
    return Decoder(whole, pickles=pickles).decode()


@given(VALUES)
def test_what_python_has_comes_as_it_was(value: Any) -> None:
    found = there_and_back(value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros((0, 3)),
        np.array(["a", "ä"]),
        np.array(["2026-11-26"], dtype="datetime64[D]"),
        np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")]),
        np.array(3),
    ],
    ids=lambda array: str(array.dtype) + str(array.shape),
)
def test_arrays(array: Any) -> None:
    found = there_and_back([array])[0]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert (found == array).all()
    assert found.flags.writeable


def test_tables() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=["i", "j"])
    assert there_and_back({"f": frame})["f"].equals(frame)
    series = frame["a"].rename((1, "n"))
    pd.testing.assert_series_equal(there_and_back(series), series)
    table = pa.table({"q": [[1], [2, 3]]})
    assert there_and_back(table) == table
    scalar = there_and_back(np.float32(1.5))
    assert (type(scalar), scalar) == (np.float32, 1.5)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda: 1, "builtins.function cannot travel without pickle"),
        (np.array([1, "x"], dtype=object), "Python objects"),
        (np.ma.array([1], mask=[True]), "masked"),
        (dt.timedelta(1), "datetime.timedelta cannot travel without pickle"),
        (bytes(LIMIT + 1), "10.0 MB is the limit"),
        (np.zeros(LIMIT), "it has 80.0 MB"),
        (["x" * LIMIT], "10.0 MB is the limit"),
        (pd.DataFrame({"a": [object()]}), "Arrow cannot carry it"),
    ],
    ids=["function", "objects", "masked", "other type", "bytes", "array", "text", "frame"],
)
def test_what_cannot_travel_says_why(value: Any, why: str) -> None:
    with pytest.raises(TravelError, match=why):
        there_and_back(value)


def test_what_has_itself_in_it() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TravelError, match="itself"):
        there_and_back(value)


def test_pickles_are_opened_by_who_says_so() -> None:
    assert there_and_back(dt.timedelta(1), pickles=True) == dt.timedelta(1)
    parts = Encoder(LIMIT, pickles=True).encode(dt.timedelta(1))
    with pytest.raises(TravelError, match="--pickle alone"):
        Decoder(parts, pickles=False).decode()
    with pytest.raises(TravelError, match="cannot be pickled"):
        Encoder(LIMIT, pickles=True).encode(lambda: 1)


def test_class_that_one_side_alone_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Encoder(LIMIT, pickles=True).encode(unknown_there.Known())
    monkeypatch.delattr(unknown_there, "Known")
    with pytest.raises(TravelError, match="cannot be read: AttributeError"):
        Decoder(parts, pickles=True).decode()


@pytest.mark.parametrize(
    "tree",
    [b"", b"{", b'{"$": "array", "buffer": 7}', b'{"$": "x", "buffer": 1}', b'{"$": "set"}'],
    ids=["nothing", "no JSON", "no buffer", "unknown", "no items"],
)
def test_what_is_none_of_ours_is_refused(tree: bytes) -> None:
    with pytest.raises(TravelError):
        Decoder([tree, b"no array"], pickles=False).decode()
