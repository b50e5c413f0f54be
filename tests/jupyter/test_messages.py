"""What a front end and its agent say to each other arrives as it was said, or not at all."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.errors import YarnKernelError
from yarnkernel.jupyter import messages
from yarnkernel.jupyter.messages import KernelNews, Restart, decode, encode
from yarnkernel.kinds import fits
from yarnkernel.progress import Progress

#: JSON as somebody could write it.
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("number", [None, 7])
@pytest.mark.parametrize(
    "message",
    [
        messages.Start(
            {"memory": "2 GiB", "env": {"A": "ä\n"}}, ["--owned"], {"key": "k"}, keep=True
        ),
        Restart("application_1_0001", 3, 90.0),
        KernelNews(
            *("application_1_0001", "ended", 2, "was killed", -9, "1:2:/here", {"id": "1"}),
            has_children=True,
        ),
        messages.EndNews("application_1_0001", "KILLED", "by the user", lost=True),
        Progress("waiting", "application_1_0001", "default", "ACCEPTED"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_messages_arrive(message: Any, number: int | None) -> None:
    line = encode(message, number)
    assert "\n" not in line
    assert decode(line.encode()) == (number, message)


@given(kind=st.sampled_from(sorted(messages._KINDS)), data=st.data())
def test_what_is_no_message_is_refused(kind: str, data: st.DataObject) -> None:
    """Whatever the fields hold: either they are of their kinds, or it is refused."""
    hints = get_type_hints(messages._KINDS[kind])
    fields = {
        field.name: data.draw(DOCUMENTS) for field in dataclasses.fields(messages._KINDS[kind])
    }
    line = json.dumps({"kind": kind, "number": 1, **fields})
    good = all(fits(json.loads(json.dumps(fields[name])), hints[name]) for name in fields)
    if good:
        assert decode(line)[0] == 1
    else:
        with pytest.raises(YarnKernelError):
            decode(line)


@pytest.mark.parametrize(
    "line",
    ["", "7", "[]", "{}", '{"kind": "Nothing", "number": 1}', '{"kind": "Done"}',
     '{"kind": "Done", "number": 1, "more": 2}', "[" * 100_000],
)  # fmt: skip
def test_lines_of_another_kind(line: str) -> None:
    with pytest.raises(YarnKernelError, match="no message"):
        decode(line)
