"""How the user logs in to a cluster, and what it calls the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.hadoop.sasl import SimpleLogin
from yarnkernel.hadoop.user import user_name

if TYPE_CHECKING:
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.sasl import Login

#: Seconds to find out our own name; with a keytab the KDC is asked for a ticket.
NAME_TIMEOUT = 10.0


def user_login(configuration: Configuration, protocol: str, host: str) -> Login:
    """Choose how the user logs in, as ``hadoop.security.authentication`` says.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    protocol : str
        The protocol that will be spoken.
    host : str
        Of the server, as the site files have it.
    """
    if not configuration.wants_kerberos:
        return SimpleLogin(user_name())
    from yarnkernel.hadoop.kerberos import KerberosLogin  # noqa: PLC0415  (few clusters want it)

    return KerberosLogin(configuration, protocol, host)


def name_in_cluster(configuration: Configuration) -> str:
    """Return what the cluster calls the user.

    Raises
    ------
    AuthenticationError
        When there is no ticket for a cluster with Kerberos.
    HadoopConfigurationError
        When none of such a cluster's rules names us.
    """
    if not configuration.wants_kerberos:
        return user_name()
    from yarnkernel.hadoop.kerberos import local_name  # noqa: PLC0415

    return local_name(configuration, Deadline(NAME_TIMEOUT))
