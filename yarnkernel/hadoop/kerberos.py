"""Kerberos as Hadoop uses it: who the servers are, and what they call us."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import AuthenticationError, HadoopConfigurationError
from yarnkernel.hadoop.addresses import canonical_name, server_principal
from yarnkernel.hadoop.auth_to_local import short_name
from yarnkernel.hadoop.gssapi import Gssapi, default_realm, own_principal, realm_of_host

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

#: The setting that names the servers of a protocol (its @KerberosInfo in Java).
PRINCIPALS = {
    "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB": "yarn.resourcemanager.principal",
    "org.apache.hadoop.hdfs.protocol.ClientProtocol": "dfs.namenode.kerberos.principal",
}
_PROTECTIONS = ("authentication", "integrity", "privacy")


class KerberosLogin:
    """Who has a ticket; a :class:`~yarnkernel.hadoop.sasl.Login`.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster; its ``environment`` says where the ticket or the keytab is.
    protocol : str
        One of ``PRINCIPALS``.
    host : str
        Of the server, as the site files have it.
    """

    method = "KERBEROS"
    user = ""

    def __init__(self, configuration: Configuration, protocol: str, host: str) -> None:
        self._configuration = configuration
        self._setting = PRINCIPALS[protocol]
        self._host = host

    def begin(self, offer: Any, deadline: Deadline) -> Gssapi:
        """See :class:`~yarnkernel.hadoop.sasl.Login`.

        Raises
        ------
        AuthenticationError
            When the server is another one than the site files say.
        """
        if offer.mechanism != "GSSAPI":
            raise AuthenticationError(
                f"the server wants the SASL mechanism {offer.mechanism} for Kerberos"
            )
        server = self._checked(f"{offer.protocol}/{offer.serverId}", deadline)
        return Gssapi(server, self._protections(), self._configuration.environment, deadline)

    def _checked(self, advertised: str, deadline: Deadline) -> str:
        """Return the principal that the server has to prove (SaslRpcClient.getServerPrincipal)."""
        configuration, setting = self._configuration, self._setting
        pattern = configuration.get(f"{setting}.pattern")
        if pattern:
            host = advertised.partition("/")[2]
            principal = f"{advertised}@{realm_of_host(host, configuration.environment, deadline)}"
            if not any(fnmatch.fnmatchcase(principal, glob) for glob in _alternatives(pattern)):
                raise AuthenticationError(
                    f"the server says that it is {principal}, which {setting}.pattern of "
                    f"{configuration.source} does not allow: {pattern}"
                )
            return principal
        expected = server_principal(configuration.get(setting), self._host)
        if advertised != expected.partition("@")[0]:
            # The site files may have an address, or an alias. Java always takes this name.
            expected = server_principal(configuration.get(setting), canonical_name(self._host))
        if not re.fullmatch(r"[^/@]+/[^/@]+(@[^/@]+)?", expected):
            raise HadoopConfigurationError(
                f"{configuration.source}: {setting} is {expected!r}, not SERVICE/HOST@REALM"
            )
        if advertised != expected.partition("@")[0]:
            raise AuthenticationError(
                f"the server says that it is {advertised}, and not {expected}, as {setting} of "
                f"{configuration.source} has it; is this the right server?"
            )
        return expected

    def _protections(self) -> list[str]:
        setting = "hadoop.rpc.protection"
        wanted = [w.lower() for w in self._configuration.get_list(setting)] or ["authentication"]
        for word in wanted:
            if word not in _PROTECTIONS:
                raise HadoopConfigurationError(
                    f"{self._configuration.source}: {setting} has {word!r}, which is none of "
                    f"{', '.join(_PROTECTIONS)}"
                )
        return wanted


def _alternatives(pattern: str) -> list[str]:
    """Write a pattern of Hadoop's GlobPattern without its braces, as several."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    choices = [_alternatives(f"{before}{choice}{after}") for choice in braces[1].split(",")]
    return [pattern for choice in choices for pattern in choice]


def local_name(configuration: Configuration, deadline: Deadline) -> str:
    """Return what the cluster calls us (KerberosName.getShortName).

    Raises
    ------
    AuthenticationError
        When there is no ticket.
    HadoopConfigurationError
        When no rule says so.
    """
    variables = configuration.environment
    principal = own_principal(variables, deadline)
    return short_name(principal, lambda: default_realm(variables), configuration)
