"""Tokens that this process was given, like those of containers or from ``hdfs fetchdt``.

They are found as in ``UserGroupInformation.createLoginUser`` of Hadoop 3.5.0, and selected as in
``AbstractDelegationTokenSelector`` and ``RMDelegationTokenSelector``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import AuthenticationError, CredentialsError
from yarnkernel.hadoop.credentials import (
    AMRM_TOKEN,
    TOKEN_FILE_VARIABLE,
    Credentials,
    Token,
    owner_of,
)
from yarnkernel.hadoop.sockets import token_service

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.configuration import Configuration

#: Kinds of tokens by the protocol for which they are valid.
RM_TOKEN, HDFS_TOKEN = "RM_DELEGATION_TOKEN", "HDFS_DELEGATION_TOKEN"
KINDS = {
    "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB": RM_TOKEN,
    "org.apache.hadoop.hdfs.protocol.ClientProtocol": HDFS_TOKEN,
}
_FILES_SETTING, _TOKENS_SETTING = "hadoop.token.files", "hadoop.tokens"
_TOKEN_VARIABLE = "HADOOP_TOKEN"  # noqa: S105  (a name)


def own_tokens(configuration: Configuration) -> dict[str, Token]:
    """Return all tokens of this process, by their aliases.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster; its environment names the files.

    Raises
    ------
    AuthenticationError
        When one cannot be read.
    """
    variables = configuration.environment
    files = configuration.get_list(_FILES_SETTING)
    files += [variables[TOKEN_FILE_VARIABLE]] if variables.get(TOKEN_FILE_VARIABLE) else []
    texts = configuration.get_list(_TOKENS_SETTING)
    texts += [variables[_TOKEN_VARIABLE]] if variables.get(_TOKEN_VARIABLE) else []
    tokens: dict[str, Token] = {}
    try:
        for file in files:
            tokens |= Credentials.read(Path(file)).tokens
        for text in texts:
            token = Token.from_text(text)
            tokens[token.service] = token
    except CredentialsError as exc:
        names = f"{TOKEN_FILE_VARIABLE}, {_FILES_SETTING}, {_TOKEN_VARIABLE} and {_TOKENS_SETTING}"
        raise AuthenticationError(f"a token that we were given: {exc} (see {names})") from exc
    return {alias: token for alias, token in tokens.items() if token.kind != AMRM_TOKEN}


def token_for(
    configuration: Configuration, protocol: str, address: Address, deadline: Deadline
) -> Token | None:
    """Return the token that is valid for a daemon; None if there is none.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    protocol : str
        The protocol of the connection.
    address : tuple of str and int
        The daemon's address.
    deadline : Deadline
        For resolving the daemon's host.
    """
    tokens = [t for t in own_tokens(configuration).values() if t.kind == KINDS.get(protocol)]
    if not tokens:
        return None
    services = {token_service(configuration, address, deadline)}
    for setting in configuration.settings:  # tokens are for all of several NameNodes
        prefix, _, name_service = setting.partition("dfs.ha.namenodes.")
        if not prefix and name_service:
            nodes = configuration.get_list(setting)
            names = [f"dfs.namenode.rpc-address.{name_service}.{node}" for node in nodes]
            if f"{address[0]}:{address[1]}" in map(configuration.get, names):
                services.add(f"ha-hdfs:{name_service}")
    # A token for several ResourceManagers names them all.
    return next((t for t in tokens if services & set(t.service.split(","))), None)


def token_owner(configuration: Configuration) -> str:
    """Return the tokens' owner, preferably that of YARN's token; empty if there is none."""
    tokens = own_tokens(configuration).values()
    owners = {token.kind: owner_of(token) for token in reversed(list(tokens))}
    return owners.get(RM_TOKEN) or owners.get(HDFS_TOKEN, "")
