"""Who has tokens and no ticket, as in a container: commands of ours as Hadoop's own."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.kernels import final_status
from yarnkernel.deadline import Deadline
from yarnkernel.errors import AuthenticationError
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.credentials import Credentials
from yarnkernel.hadoop.delegation_tokens import delegation_tokens
from yarnkernel.hadoop.login import user_login
from yarnkernel.hadoop.own_tokens import RM_TOKEN, token_for
from yarnkernel.hadoop.resource_manager import PROTOCOL, ResourceManager

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell
    from yarnkernel.hadoop.credentials import Token

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def tokens(configuration: Configuration) -> dict[str, Token]:
    return delegation_tokens(configuration, [], Deadline(20))


@pytest.fixture
def inside(edge_node: Shell, tokens: dict[str, Token], tmp_path: Path) -> Shell:
    """A user as in a container: tokens, no ticket, and Hadoop's commands."""
    Credentials(tokens).write(tmp_path / "tokens")
    return edge_node.using(
        KRB5KEYTAB=None,
        KRB5PRINCIPAL=None,
        KRB5CCNAME=f"FILE:{tmp_path}/none",
        HADOOP_TOKEN_FILE_LOCATION=str(tmp_path / "tokens"),
    )


def test_commands(inside: Shell, secure: Shell) -> None:
    user = secure.environment["KRB5PRINCIPAL"]
    assert inside.yarnkernel("list", "--json").ok().document == []
    assert f"{user} has no kernel here" in inside.yarnkernel("stop", "--all").ok().err
    environments = inside.yarnkernel("env", "list", "--json").ok().document
    # Sessions of tests share a cache.
    assert [one for one in environments if one["visibility"] != "cache"] == []
    # It gets no new tokens by these, and hands them on.
    app_id = inside.yarnkernel("start", "--via", "direct").ok().out.strip()
    (listed,) = inside.yarnkernel("list", "--json").ok().document
    assert (listed["id"], listed["user"]) == (app_id, user)
    inside.yarnkernel("stop", app_id).ok()
    assert final_status(inside, app_id) == "SUCCEEDED", "they are valid after its end"


def test_token_that_is_not_valid_any_more(
    inside: Shell, tokens: dict[str, Token], configuration: Configuration
) -> None:
    token = next(token for token in tokens.values() if token.kind == RM_TOKEN)
    with contextlib.closing(ResourceManager(configuration)) as resource_manager:
        fields = vars(token)
        resource_manager.call("CancelDelegationToken", 20, package="common", token=fields)
    error = inside.yarnkernel("list").error(1)
    assert "is not valid any more" in error
    assert "next: kinit" in error


def test_token_of_a_variable(
    inside: Shell, tokens: dict[str, Token], configuration: Configuration, tmp_path: Path
) -> None:
    """HADOOP_TOKEN has one as text; without it, and with a file that is none, it is said."""
    token = next(token for token in tokens.values() if token.kind == RM_TOKEN)
    fields = (token.identifier, token.password, token.kind.encode(), token.service.encode())
    content = b"".join(bytes([len(field)]) + field for field in fields)
    text = base64.urlsafe_b64encode(content).decode().rstrip("=")
    shell = inside.using(HADOOP_TOKEN_FILE_LOCATION=None)
    assert shell.using(HADOOP_TOKEN=text).yarnkernel("list", "--json").ok().document == []
    assert "a damaged token" in shell.using(HADOOP_TOKEN=text[:9]).yarnkernel("list").error(1)
    assert "there is no ticket in" in shell.yarnkernel("list").error(1)
    (tmp_path / "none").write_text("")
    error = shell.using(HADOOP_TOKEN_FILE_LOCATION=str(tmp_path / "none")).yarnkernel("list")
    assert "none: not a token file" in error.error(1)
    variables = {"HADOOP_TOKEN": text, "KRB5CCNAME": f"FILE:{tmp_path}/none"}
    chosen = Configuration(configuration.settings, "test", variables)
    with pytest.raises(AuthenticationError, match="no token here is for this server, and Kerberos"):
        user_login(chosen, PROTOCOL, ("127.0.0.1", 1), Deadline(20))
    assert token_for(chosen, PROTOCOL, ("127.0.0.1", 1), Deadline(5)) is None
