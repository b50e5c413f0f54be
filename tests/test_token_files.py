"""Token files: what Hadoop writes and reads, and damaged ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.errors import CredentialsError
from yarnkernel.hadoop.credentials import Credentials, Token

if TYPE_CHECKING:
    from pathlib import Path

#: One token and one secret in the format of Credentials.java (Hadoop 3.5.0).
OF_HADOOP = (
    b"HDTS\x00\x01\x00\x02id\x02pw\x10YARN_AM_RM_TOKEN\x00\x01\x04name" + b"\x8f\xc8" + b"s" * 200
)

tokens = st.builds(Token, st.binary(max_size=300), st.binary(max_size=30), st.text(), st.text())
credentials = st.builds(
    Credentials,
    st.dictionaries(st.text(), tokens, max_size=4),
    st.dictionaries(st.text(), st.binary(max_size=70_000), max_size=4),
)


def test_file_of_hadoop() -> None:
    found = Credentials.from_bytes(OF_HADOOP)
    assert found.tokens == {"": Token(b"id", b"pw", "YARN_AM_RM_TOKEN")}
    assert found.secrets == {"name": b"s" * 200}
    assert found.to_bytes() == OF_HADOOP
    assert found.token_of_kind("YARN_AM_RM_TOKEN") == found.tokens[""]
    assert found.token_of_kind("HDFS_DELEGATION_TOKEN") is None


@given(credentials)
def test_what_is_written_is_read(written: Credentials) -> None:
    assert Credentials.from_bytes(written.to_bytes()) == written


@given(st.integers(0, len(OF_HADOOP) - 1))
def test_file_that_is_cut_off(length: int) -> None:
    with pytest.raises(CredentialsError):
        Credentials.from_bytes(OF_HADOOP[:length])


@given(st.binary(max_size=200))
def test_anything_else_is_refused_or_read(content: bytes) -> None:
    for whole in (content, OF_HADOOP[:5] + content):
        try:
            Credentials.from_bytes(whole)
        except CredentialsError as exc:
            assert "token file" in str(exc)  # noqa: PT017  (not all are damaged)


def test_files_are_for_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("an older one, for everybody")
    Credentials.from_bytes(OF_HADOOP).write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Credentials.read(path) == Credentials.from_bytes(OF_HADOOP)
    with pytest.raises(CredentialsError, match="No such file"):
        Credentials.read(tmp_path / "none")


def test_passwords_are_not_shown() -> None:
    shown = repr(Credentials.from_bytes(OF_HADOOP))
    assert "pw" not in shown
    assert "sss" not in shown
