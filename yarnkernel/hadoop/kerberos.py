"""Kerberos login to Hadoop's servers, with a check of their principals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import AuthenticationError, HadoopConfigurationError
from yarnkernel.hadoop.addresses import server_principal
from yarnkernel.hadoop.gssapi import Gssapi, realm_of_host, tickets_of
from yarnkernel.hadoop.java_patterns import translate
from yarnkernel.hadoop.protection import wanted_protections
from yarnkernel.hadoop.sockets import canonical_name_within

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

#: The setting with the principal of a protocol's servers (its @KerberosInfo in Java).
PRINCIPALS = {
    "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB": "yarn.resourcemanager.principal",
    "org.apache.hadoop.hdfs.protocol.ClientProtocol": "dfs.namenode.kerberos.principal",
}


class KerberosLogin:
    """A login with a ticket; a :class:`~yarnkernel.hadoop.sasl.Login`.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster; its ``environment`` says where the ticket or the keytab is.
    protocol : str
        One of ``PRINCIPALS``.
    host : str
        The server's host, as in the site files.
    user : str, optional
        The user to act for, if it is not the ticket's.
    """

    method = "KERBEROS"
    real_user = ""

    def __init__(
        self, configuration: Configuration, protocol: str, host: str, user: str = ""
    ) -> None:
        self.user = user
        self._configuration = configuration
        self._setting = PRINCIPALS[protocol]
        self._host = host

    def begin(self, offer: Any, deadline: Deadline) -> Gssapi:
        """See :class:`~yarnkernel.hadoop.sasl.Login`.

        Raises
        ------
        AuthenticationError
            When the server is not the one in the site files.
        """
        if offer.mechanism != "GSSAPI":
            raise AuthenticationError(
                f"the server wants the SASL mechanism {offer.mechanism} for Kerberos"
            )
        server = self._checked(f"{offer.protocol}/{offer.serverId}", deadline)
        protections = wanted_protections(self._configuration)
        return Gssapi(server, protections, tickets_of(self._configuration), deadline)

    def _checked(self, advertised: str, deadline: Deadline) -> str:
        """Return the principal that the server has to prove (SaslRpcClient.getServerPrincipal)."""
        configuration, setting = self._configuration, self._setting
        pattern = configuration.get(f"{setting}.pattern")
        if pattern:
            host = advertised.partition("/")[2]
            principal = f"{advertised}@{realm_of_host(host, tickets_of(configuration), deadline)}"
            try:
                fits = _matches(principal, pattern)
            except ValueError as exc:
                raise HadoopConfigurationError(
                    f"{configuration.source}: {setting}.pattern is {pattern!r}: {exc}"
                ) from exc
            if not fits:
                raise AuthenticationError(
                    f"the server says that it is {principal}, which {setting}.pattern of "
                    f"{configuration.source} does not allow: {pattern}"
                )
            return principal
        expected = server_principal(configuration.get(setting), self._host)
        if advertised != expected.partition("@")[0]:
            # The site files may have an address or an alias. Java always uses this canonical name.
            name = canonical_name_within(self._host, deadline)
            expected = server_principal(configuration.get(setting), name)
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


def _matches(name: str, glob: str) -> bool:
    """Return whether a glob matches, translated to a Java pattern as by Hadoop's GlobPattern."""
    expression, braces, in_class, before = "", 0, False, ""
    characters = iter(glob)
    for char in characters:
        written = {"*": ".*", "?": ".", "{": "(?:"}.get(char, char)
        if char == "\\":
            written += next(characters, "")
        elif char in ".$()|+" or (char == "^" and not in_class):
            written = f"\\{char}"
        elif char in ",}" and braces:
            written = "|" if char == "," else ")"
        elif char == "!" and in_class and before == "[":
            written = "^"
        braces += (char == "{") - (char == "}" and braces > 0)
        in_class = (in_class or char == "[") and char != "]"
        expression += written
        before = char
    return bool(translate(expression).pattern.fullmatch(name))
