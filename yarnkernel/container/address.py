"""The address that a kernel in this container listens on and is reached at."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from yarnkernel.announcement import ADDRESS_VARIABLE
from yarnkernel.connection import is_loopback
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def addresses(host: str) -> list[str]:
    """Return a host's addresses, IPv4 first, as most clusters use it and ZeroMQ prefers it."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    by_family = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
    return list(dict.fromkeys(str(entry[4][0]) for entry in by_family))


def _can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _outgoing_addresses(peer: str) -> Iterator[str]:
    """Return this host's addresses from which a packet to ``peer`` would leave; none is sent."""
    for address in addresses(peer):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
                yield str(probe.getsockname()[0])
        except OSError:
            continue


def own_address(address: str) -> str:
    """Return an address that only this host can reach, or the given one if there is none."""
    return next((one for one in ("127.0.0.1", "::1") if _can_bind(one)), address)


def container_address(environ: Mapping[str, str]) -> str:
    """Choose the address of the kernel.

    Parameters
    ----------
    environ : mapping of str to str
        The environment of the container. ``NM_HOST`` is the name that its
        NodeManager has in the cluster (ApplicationConstants.Environment of
        Hadoop), and the one skein's ApplicationMaster gives as its own.
        ``SKEIN_APPMASTER_ADDRESS`` is a host of the cluster too. Outside YARN,
        ``YARNKERNEL_ADDRESS`` may give the address.

    Returns
    -------
    str
        A numeric address of this host. Never a loopback address unless
        ``NM_HOST`` means one: hosts like Debian's give their own name
        127.0.1.1, which nobody else can reach.

    Raises
    ------
    YarnKernelError
        When there is none.
    """
    if given := environ.get(ADDRESS_VARIABLE):
        return given
    host = environ.get("NM_HOST") or socket.getfqdn()
    candidates = addresses(host)
    if not is_loopback(host):
        master = environ.get("SKEIN_APPMASTER_ADDRESS", "").rpartition(":")[0]
        candidates += [*_outgoing_addresses(master), *_outgoing_addresses("192.0.2.1")]
        candidates = [address for address in candidates if not is_loopback(address)]
    for address in candidates:
        if ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
            continue  # where NodeManagers are told to listen on all
        if _can_bind(address):
            return address
    raise YarnKernelError(f"no address of this host can be reached by others: {host} has none")
