"""Addresses of daemons and their Kerberos principals, according to the site files."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import HadoopConfigurationError

if TYPE_CHECKING:
    from yarnkernel.hadoop.configuration import Configuration

_RESOURCEMANAGER = "yarn.resourcemanager"
#: YarnConfiguration.DEFAULT_RM_PORT and DEFAULT_RM_SCHEDULER_PORT, by the setting's name.
_PORTS = {"address": 8032, "scheduler.address": 8030}
#: yarn.resourcemanager.hostname of yarn-default.xml: this machine.
_DEFAULT_HOST = "0.0.0.0"  # noqa: S104  (connected to, not bound)

Address = tuple[str, int]


def parse_address(text: str, default_port: int, setting: str) -> Address:
    """Parse ``host:port`` or ``host``.

    Parameters
    ----------
    text : str
        The address.
    default_port : int
        The port if the address names none.
    setting : str
        The setting that it comes from, for messages.

    Raises
    ------
    HadoopConfigurationError
        When it is not an address.
    """
    found = re.fullmatch(
        r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\s/]+))(?::(?P<port>\d{1,5}))?", text
    )
    if found is None:
        raise HadoopConfigurationError(f"{setting} is {text!r}, not host:port")
    ipv6, host, port = found.groups()
    return ipv6 or host, int(port or default_port)


def resourcemanager_addresses(configuration: Configuration, name: str = "address") -> list[Address]:
    """Return the ResourceManager's addresses: several if it is highly available.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    name : str, default "address"
        The address for clients, or ``"scheduler.address"``, the one for ApplicationMasters.

    Returns
    -------
    list of tuple of str and int
        Hosts and ports, in the order of ``yarn.resourcemanager.ha.rm-ids``.

    Raises
    ------
    HadoopConfigurationError
        When one of several has no address, or an address is invalid; also when only the address for
        clients is set, as on machines that need no other.
    """
    suffixes = [""]
    if configuration.get_bool(f"{_RESOURCEMANAGER}.ha.enabled", default=False):
        ids = configuration.get_list(f"{_RESOURCEMANAGER}.ha.rm-ids")
        suffixes = [f".{rm_id}" for rm_id in ids]
        if not ids:
            raise HadoopConfigurationError(
                f"{configuration.source}: {_RESOURCEMANAGER}.ha.enabled, but no ha.rm-ids"
            )
    found = []
    for suffix in suffixes:
        setting = f"{_RESOURCEMANAGER}.{name}{suffix}"
        is_elsewhere = suffix or configuration.get(f"{_RESOURCEMANAGER}.address")
        address = configuration.get(setting) or configuration.get(
            f"{_RESOURCEMANAGER}.hostname{suffix}", "" if is_elsewhere else _DEFAULT_HOST
        )
        if not address:
            raise HadoopConfigurationError(f"{configuration.source}: {setting} is not set")
        where = f"{configuration.source}: {setting}"
        found.append(parse_address(address, _PORTS[name], where))
    return found


def names_resourcemanager(configuration: Configuration) -> bool:
    """Return whether a site file says where the ResourceManager is.

    If none does, Hadoop takes this machine, as in its guide for a single node.
    """
    if configuration.get_bool(f"{_RESOURCEMANAGER}.ha.enabled", default=False):
        return True
    hosts = (configuration.get(f"{_RESOURCEMANAGER}.{name}") for name in ("address", "hostname"))
    return any(host.partition(":")[0] not in ("", _DEFAULT_HOST) for host in hosts)


def resolve(host: str, port: int) -> list[Any]:
    """Return getaddrinfo's results, IPv4 first as in Java (java.net.preferIPv6Addresses).

    Raises
    ------
    OSError, UnicodeError, OverflowError
        When there is no such host.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted(found, key=lambda entry: entry[0] != socket.AF_INET)


def canonical_name(host: str) -> str:
    """Return the name of a host's address (``getCanonicalHostName``), else the host."""
    try:
        address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4]
        return socket.getnameinfo(address, socket.NI_NAMEREQD)[0].removesuffix(".")
    except (OSError, UnicodeError):
        return host


def server_principal(pattern: str, host: str) -> str:
    """Return a daemon's principal with its host filled in (SecurityUtil.getServerPrincipal).

    Parameters
    ----------
    pattern : str
        Such as ``"rm/_HOST@EXAMPLE.COM"``; one without ``_HOST`` is returned unchanged.
    host : str
        The daemon's host; this machine's own name for the address 0.0.0.0.
    """
    parts = re.split("[/@]", pattern)
    if len(parts) != 3 or parts[1] != "_HOST":  # noqa: PLR2004  (service, host, realm)
        return pattern
    name = socket.getfqdn() if host in ("", _DEFAULT_HOST) else host
    return f"{parts[0]}/{name.lower()}@{parts[2]}"
