"""Choose how the user logs in to a cluster, and find the user's name there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import AuthenticationError
from yarnkernel.hadoop.auth_to_local import short_name
from yarnkernel.hadoop.protection import wanted_protections
from yarnkernel.hadoop.sasl import SimpleLogin, TokenLogin
from yarnkernel.hadoop.user import proxied_user, user_name

if TYPE_CHECKING:
    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.sasl import Login


def user_login(
    configuration: Configuration, protocol: str, address: Address, deadline: Deadline
) -> Login:
    """Choose how the user logs in, according to ``hadoop.security.authentication``.

    With Kerberos, a token for the server is preferred to a ticket, as in Hadoop's client.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster; its environment identifies the user.
    protocol : str
        The protocol of the connection.
    address : tuple of str and int
        The server's address, as in the site files.
    deadline : Deadline
        For resolving the server's host.

    Raises
    ------
    UsageError
        When the user has no name.
    AuthenticationError
        When a token cannot be read.
    """
    variables = configuration.environment
    proxied = proxied_user(variables)
    if not configuration.wants_kerberos:
        name = user_name(variables)
        return SimpleLogin(proxied, name) if proxied else SimpleLogin(name)
    # Few clusters need these imports.
    from yarnkernel.hadoop.gssapi import own_principal, tickets_of  # noqa: PLC0415
    from yarnkernel.hadoop.kerberos import KerberosLogin  # noqa: PLC0415
    from yarnkernel.hadoop.own_tokens import own_tokens, token_for  # noqa: PLC0415

    token = token_for(configuration, protocol, address, deadline)
    if token is not None:
        return TokenLogin(token, wanted_protections(configuration))
    if own_tokens(configuration):
        try:
            own_principal(tickets_of(configuration), deadline)
        except AuthenticationError as exc:
            raise AuthenticationError(f"no token here is for this server, and {exc}") from exc
    return KerberosLogin(configuration, protocol, address[0], proxied)


def name_in_cluster(configuration: Configuration) -> str:
    """Return the cluster's name for the user, or for the proxied user.

    Raises
    ------
    UsageError
        When the user has no name.
    AuthenticationError
        When there is neither a ticket nor a token for a cluster with Kerberos.
    HadoopConfigurationError
        When none of its rules gives a name.
    """
    variables = configuration.environment
    principal = proxied_user(variables)
    if configuration.wants_kerberos:
        from yarnkernel.hadoop.gssapi import (  # noqa: PLC0415
            NAME_TIMEOUT,
            own_principal,
            tickets_of,
        )
        from yarnkernel.hadoop.own_tokens import token_owner  # noqa: PLC0415

        # A token's owner is already the user to act for.
        principal = token_owner(configuration) or principal
        if not principal:
            principal = own_principal(tickets_of(configuration), Deadline(NAME_TIMEOUT))
    return short_name(
        principal or user_name(variables), lambda: _realm(configuration), configuration
    )


def _realm(configuration: Configuration) -> str:
    """Return the default realm; that of the ResourceManager if there is no krb5.conf."""
    from yarnkernel.hadoop.gssapi import default_realm, tickets_of  # noqa: PLC0415

    try:
        return default_realm(tickets_of(configuration))
    except AuthenticationError:
        return configuration.get("yarn.resourcemanager.principal").partition("@")[2]
