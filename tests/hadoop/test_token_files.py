"""Token files: what Hadoop writes and reads, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.container.credentials import hide_master_token
from yarnkernel.errors import CredentialsError
from yarnkernel.hadoop.credentials import AMRM_TOKEN, TOKEN_FILE_VARIABLE, Credentials, Token

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


def test_kernel_of_skeins_way_keeps_all_but_the_masters_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    others = {"hdfs": Token(b"id", b"pw", "HDFS_DELEGATION_TOKEN", "node:8020")}
    secrets = {"name": b"secret"}
    given = tmp_path / "container_tokens"
    Credentials({"": Token(b"id", b"pw", AMRM_TOKEN), **others}, secrets).write(given)
    environ = {TOKEN_FILE_VARIABLE: str(given)}
    hide_master_token(environ)
    assert Credentials.read(Path(environ[TOKEN_FILE_VARIABLE])) == Credentials(others, secrets)
    hide_master_token(environ)  # that of a service's container
    assert environ == {TOKEN_FILE_VARIABLE: str(tmp_path / "yarnkernel-tokens")}
    Credentials({"": Token(b"id", b"pw", AMRM_TOKEN)}, {}).write(given)
    environ = {TOKEN_FILE_VARIABLE: str(given)}
    hide_master_token(environ)
    assert environ == {}


@pytest.mark.parametrize("location", ["", "/no/such", "/dev/null"])
def test_container_without_tokens_is_left_as_it_is(location: str) -> None:
    environ = {TOKEN_FILE_VARIABLE: location}
    hide_master_token(environ)
    assert environ == {TOKEN_FILE_VARIABLE: location}


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
