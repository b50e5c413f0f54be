"""Tokens with which an application's containers access HDFS and YARN on a Kerberos cluster.

Containers have no ticket. These tokens are the ones that ``FileSystem.addDelegationTokens`` of
Hadoop 3.5.0 gets, and the ResourceManager's, as in skein's ``Driver.java``. The ResourceManager
renews them, and cancels them when the application ends.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnkernel.errors import HadoopConfigurationError, UnreadableFileError
from yarnkernel.hadoop.addresses import resourcemanager_addresses, server_principal
from yarnkernel.hadoop.credentials import Token
from yarnkernel.hadoop.name_node import NameNode, namenode_addresses
from yarnkernel.hadoop.own_tokens import own_tokens, token_for
from yarnkernel.hadoop.resource_manager import PROTOCOL, ResourceManager
from yarnkernel.hadoop.sockets import token_service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.highly_available import HighlyAvailable


def delegation_tokens(
    configuration: Configuration, urls: Iterable[str], deadline: Deadline
) -> dict[str, Token]:
    """Get a token for each HDFS that an application uses, and one for the ResourceManager.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster; the default file system is always among those used.
    urls : iterable of str
        Of the application's files and file systems. A ``viewfs`` counts as all file systems that
        are mounted there; those that are not HDFS are left out.
    deadline : Deadline
        For all of them.

    Returns
    -------
    dict of str to Token
        By their services, as Java's clients look them up; empty without Kerberos. If this process
        itself was given tokens, those.

    Raises
    ------
    HadoopConfigurationError
        When the site files do not say who has to renew them.
    UnreadableFileError
        When an HDFS has a key server, which would need another token.
    ClusterError
        When a daemon does not answer or refuses.
    """
    if not configuration.wants_kerberos:
        return {}
    if token_for(configuration, PROTOCOL, resourcemanager_addresses(configuration)[0], deadline):
        # Logged in with a token, no others can be obtained: a container passes on those that it
        # has.
        return own_tokens(configuration)
    authorities = dict.fromkeys(
        authority
        for url in (configuration.get("fs.defaultFS", "file:///"), *urls)
        for authority in _authorities(configuration, url)
    )
    renewer = _renewer(configuration)
    tokens: list[Token] = []
    for authority in authorities:
        with contextlib.closing(NameNode(configuration, authority)) as namenode:
            keys = namenode.key_provider(deadline.step(deadline.seconds))
            if keys is None:
                keys = configuration.get("hadoop.security.key.provider.path")
            if keys:
                raise UnreadableFileError(
                    f"hdfs://{authority} may have encryption zones, whose keys are at {keys}: only "
                    "Hadoop's own client gets tokens for them"
                )
            found = _ask(
                namenode, renewer, _service_of_hdfs(configuration, authority, deadline), deadline
            )
            tokens += [
                one for token in found for one in _also_by_name(token, configuration, authority)
            ]
    # ClientRMProxy.getRMDelegationTokenService: with all addresses, if there are several.
    addresses = resourcemanager_addresses(configuration)
    service = ",".join(token_service(configuration, address, deadline) for address in addresses)
    with contextlib.closing(ResourceManager(configuration)) as resource_manager:
        tokens += _ask(resource_manager, renewer, service, deadline)
    return {token.service: token for token in tokens}


def _ask(daemon: HighlyAvailable, renewer: str, service: str, deadline: Deadline) -> list[Token]:
    """Request a token from a daemon; return an empty list if it issues none."""
    answer = daemon.call(
        "GetDelegationToken", deadline.step(deadline.seconds), package="common", renewer=renewer
    )
    if not answer.HasField("token"):
        return []
    return [Token(answer.token.identifier, answer.token.password, answer.token.kind, service)]


def _also_by_name(token: Token, configuration: Configuration, authority: str) -> list[Token]:
    """Return the token, and a copy with its host's name if there is a single NameNode.

    hdfs-native and its users, such as pandas with fsspec, look for the copy (hdfs-native 0.14.7,
    ``connection.rs``). The ResourceManager has to know both: a copy made by a container would be
    cancelled, and the token with it, at the end of any application that the container starts.
    """
    if configuration.get_list(f"dfs.ha.namenodes.{authority}"):
        return [token]
    ((host, port),) = namenode_addresses(configuration, authority)
    return [token, replace(token, service=f"{host}:{port}")]


def _authorities(configuration: Configuration, url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.scheme == "hdfs" and parts.netloc:
        yield parts.netloc
    elif parts.scheme == "viewfs":
        # link, linkFallback and linkMergeSlash (Constants of viewfs).
        prefix = f"fs.viewfs.mounttable.{parts.netloc or 'default'}.link"
        for setting in configuration.settings:
            if setting.startswith(prefix):
                yield from _authorities(configuration, configuration.get(setting))


def _renewer(configuration: Configuration) -> str:
    """Return the ResourceManager's principal (Master.getMasterPrincipal of MapReduce)."""
    setting = "yarn.resourcemanager.principal"
    if not configuration.get(setting):
        raise HadoopConfigurationError(
            f"{configuration.source}: {setting} is not set: who would renew tokens for HDFS?"
        )
    host, _ = resourcemanager_addresses(configuration)[0]
    return server_principal(configuration.get(setting), host)


def _service_of_hdfs(configuration: Configuration, authority: str, deadline: Deadline) -> str:
    """Return the service of an HDFS token: one for all of several NameNodes (HAUtilClient)."""
    if configuration.get_list(f"dfs.ha.namenodes.{authority}"):
        return f"ha-hdfs:{authority}"
    (address,) = namenode_addresses(configuration, authority)
    return token_service(configuration, address, deadline)
