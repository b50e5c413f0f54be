"""Connection info: what is accepted, and how its file is written."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from yarnkernel.connection import (
    check_writable,
    format_connection_info,
    is_loopback,
    parse_connection_info,
    write_connection_file,
)
from yarnkernel.errors import ConnectionInfoError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

INFO = {
    "ip": "10.1.2.3", "key": "a-key", "transport": "tcp", "signature_scheme": "hmac-sha256",
    "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 65535,
    "kernel_name": "python3", "curve_publickey": "kept",
}  # fmt: skip


def test_unknown_fields_survive(tmp_path: Path) -> None:
    info = parse_connection_info(format_connection_info(INFO).encode())
    write_connection_file(info, tmp_path / "k.json")
    assert json.loads((tmp_path / "k.json").read_text()) == INFO


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ip": ""}, "no host"),
        ({"ip": "0.0.0.0"}, "no host"),  # noqa: S104
        ({"ip": 5}, "ip is not a string"),
        ({"ip": "127.0.1.1"}, "only its own host can reach"),
        ({"ip": "::1"}, "only its own host can reach"),
        ({"ip": "a..b"}, "no host's"),
        ({"ip": "a b"}, "no host's"),
        ({"key": ""}, "anybody could run code"),
        ({"key": None}, "key is not a string"),
        ({"transport": "ipc"}, "transport is 'ipc'"),
        ({"shell_port": 0}, "shell_port 0"),
        ({"hb_port": 65536}, "hb_port 65536"),
        ({"iopub_port": "7"}, "iopub_port '7'"),
        ({"stdin_port": True}, "stdin_port True"),
    ],
)
def test_useless_fields(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConnectionInfoError, match=reason):
        parse_connection_info(json.dumps(INFO | change).encode(), am_host="node7")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "is not JSON"),
        (b"junk", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 99999, "is not JSON"),
        (b"9" * 5000, "the connection info is"),
        (b"null", "not an object"),
        (b"[]", "not an object"),
        (b"1", "not an object"),
        (b'"text"', "not an object"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"{}", "lacks ip, key, transport"),
        (b'{"ip": "127.0.0.1"}', "lacks key, transport"),
    ],
)
def test_other_values(value: bytes, reason: str) -> None:
    with pytest.raises(ConnectionInfoError, match=reason):
        parse_connection_info(value)


@pytest.mark.parametrize("am_host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_beside_a_loopback_master(am_host: str) -> None:
    value = json.dumps(INFO | {"ip": "127.0.0.1"}).encode()
    assert parse_connection_info(value, am_host=am_host)["ip"] == "127.0.0.1"


def test_is_loopback() -> None:
    assert is_loopback("localhost")
    assert not is_loopback("localhost.example.com")
    assert not is_loopback("10.0.0.1")


def test_file_is_private_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    path.write_text("old")
    path.chmod(0o644)
    write_connection_file(INFO, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "k.json"):
        with pytest.raises(UsageError):
            check_writable(path)
        with pytest.raises(UsageError):
            write_connection_file(INFO, path)
    assert list(tmp_path.iterdir()) == []
