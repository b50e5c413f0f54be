"""What a reader makes of a status, which anybody with the user's credentials may have written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from yarnkernel.errors import YarnKernelError
from yarnkernel.kernel_status import Answer, KernelStatus

GOOD: dict[str, Any] = {"state": "idle", "host": "10.0.0.1"}
ANSWER: Answer = {"result": "restarted", "seconds": 1.5, "restarts": 2}


def test_status_crosses_the_store() -> None:
    status = KernelStatus(
        **GOOD,
        exit_code=-9,
        last_activity=1.7e9,
        phases={"recipe": 1.7e9, "kernel": 1},
        answers={"a": ANSWER, "b": {"result": "idle"}},
    )
    assert KernelStatus.from_bytes(status.to_bytes()) == status
    newer = {**json.loads(status.to_bytes()), "what_a_newer_one_tells": 1}
    assert KernelStatus.from_bytes(json.dumps(newer).encode()) == status


@pytest.mark.parametrize(
    "odd",
    [
        {"state": "ended", "last_end": None, "exit_code": 1},
        {"state": "dead"},
        {"state": ["idle"]},
        {"host": 5},
        {"pid": "7"},
        {"pid": True},
        {"connected": 1},
        {"restarts": 1.5},
        {"restarts": None},
        {"memory": 10**30},
        {"last_activity": 1e300},
        {"last_activity": float("nan")},
        {"phases": {"recipe": "x"}},
        {"phases": {"recipe": -1e9}},
        {"phases": {"recipe": None}},
        {"phases": []},
        {"answers": {"a": "restarted"}},
        {"answers": {"a": {}}},
        {"answers": {"a": {"result": 5}}},
        {"answers": {"a": {"result": "restarted", "seconds": "soon"}}},
    ],
)
def test_odd_status_is_said_to_be_one(odd: dict[str, Any]) -> None:
    with pytest.raises(YarnKernelError, match=r"the kernel's status has a .* that is none"):
        KernelStatus.from_bytes(json.dumps(GOOD | odd).encode())


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"5", b'"state"', b"{}", b"[" * 10**5])
def test_no_status_is_said_to_be_none(value: bytes) -> None:
    with pytest.raises(YarnKernelError, match="cannot be read"):
        KernelStatus.from_bytes(value)
