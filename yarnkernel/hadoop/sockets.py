"""Sockets to daemons, with one deadline for resolving the host, a SOCKS server and connecting."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from yarnkernel.errors import HadoopConfigurationError, UnreachableError
from yarnkernel.hadoop.addresses import Address, canonical_name, parse_address, resolve
from yarnkernel.hadoop.endless_calls import start_in_thread

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

#: Setting with the Java class that makes sockets: for one protocol, or for all (NetUtils).
_FACTORY = "hadoop.rpc.socket.factory.class"
_SOCKS_SERVER = "hadoop.socks.server"
_SOCKS_PORT = 1080
#: Version 5, one login method (none); connect (RFC 1928).
_GREETING, _WELCOME = b"\x05\x01\x00", b"\x05\x00"
_CONNECT = b"\x05\x01\x00"
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REFUSALS = {
    1: "general failure", 2: "not allowed", 3: "network unreachable", 4: "host unreachable",
    5: "connection refused", 6: "it took too long",
}  # fmt: skip


class Socks(NamedTuple):
    """A SOCKS server.

    Attributes
    ----------
    address : tuple of str and int
        Its host and port.
    resolves : bool
        Whether only the server may resolve host names.
    """

    address: Address
    resolves: bool = False


def socks_server(
    configuration: Configuration, deadline: Deadline, protocol: str = ""
) -> Socks | None:
    """Return the SOCKS server through which daemons are reached; None if there is none.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    deadline : Deadline
        For a server that has to be started.
    protocol : str, optional
        The Hadoop RPC protocol of the connection.

    Raises
    ------
    HadoopConfigurationError
        When a setting names an unknown class for sockets.
    """
    if configuration.edge is not None:
        return Socks(configuration.edge.socks(deadline), resolves=True)
    short = protocol.rpartition(".")[2]
    names = [f"{_FACTORY}.{short}", f"{_FACTORY}.{short.removesuffix('PB')}"] if short else []
    for name in (*names, f"{_FACTORY}.default"):
        factory = configuration.get(name)
        kind = factory.rpartition(".")[2]
        if kind == "SocksSocketFactory":
            server = configuration.get(_SOCKS_SERVER)
            where = f"{configuration.source}: {_SOCKS_SERVER}"
            return Socks(parse_address(server, _SOCKS_PORT, where)) if server else None
        if kind == "StandardSocketFactory":
            return None
        if factory:
            raise HadoopConfigurationError(
                f"{configuration.source}: {name} is {factory}, which is not known here; there are "
                "StandardSocketFactory and SocksSocketFactory"
            )
    return None


def time_left(deadline: Deadline) -> float:
    """Return the remaining seconds; raise TimeoutError if there are none."""
    if deadline.passed:
        raise TimeoutError
    return deadline.step(deadline.seconds)


def resolve_within(address: Address, deadline: Deadline) -> list[Any]:
    """Resolve an address by the system's resolver, which has no timeout.

    Raises
    ------
    UnreachableError
        When there is no such host.
    TimeoutError
        When it does not answer in time.
    """
    try:
        return start_in_thread(partial(resolve, *address)).result(time_left(deadline))
    except FutureTimeoutError:
        raise TimeoutError from None
    except (OSError, UnicodeError, OverflowError) as exc:
        raise UnreachableError(f"there is no such host ({exc})") from exc


def canonical_name_within(host: str, deadline: Deadline) -> str:
    """Return the name of a host's address, by the system's resolver.

    Raises
    ------
    TimeoutError
        When it does not answer in time.
    """
    try:
        return start_in_thread(partial(canonical_name, host)).result(time_left(deadline))
    except FutureTimeoutError:
        raise TimeoutError from None


def token_service(configuration: Configuration, address: Address, deadline: Deadline) -> str:
    """Return the service of a daemon's token (SecurityUtil.buildTokenService)."""
    host, port = address
    if configuration.get_bool("hadoop.security.token.service.use_ip", default=True):
        with contextlib.suppress(UnreachableError):  # use the name then, like Java
            return f"{resolve_within(address, deadline)[0][4][0]}:{port}"
    return f"{host.lower()}:{port}"


def open_socket(address: Address, deadline: Deadline, socks: Socks | None = None) -> socket.socket:
    """Connect to the first of a host's addresses that answers, with a share of time for each.

    Parameters
    ----------
    address : tuple of str and int
        Host and port.
    deadline : Deadline
        For everything.
    socks : Socks, optional
        The SOCKS server to connect through.

    Raises
    ------
    UnreachableError
        When there is no such host, or the SOCKS server cannot reach it.
    OSError
        When it does not answer; TimeoutError when the deadline passes first.
    """
    if socks is None:
        return _connect(resolve_within(address, deadline), deadline)
    with contextlib.ExitStack() as stack:
        try:
            found = resolve_within(socks.address, deadline)
            opened = stack.enter_context(_connect(found, deadline))
            _ask_socks(opened, address, deadline, resolves=socks.resolves)
        except TimeoutError:
            raise
        except (OSError, UnreachableError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            server = f"{socks.address[0]}:{socks.address[1]} ({_SOCKS_SERVER})"
            problem = f"the SOCKS server {server}: {reason}"
            if socks.resolves:  # OpenSSH's server gives no reason for a failure
                refused = isinstance(exc, UnreachableError)
                what = "does not reach that, or lets nobody reach it by ssh"
                problem = f"the edge node {what if refused else f'is not reached: {reason}'}"
            raise UnreachableError(problem) from exc
        stack.pop_all()
        return opened


def _connect(found: list[Any], deadline: Deadline) -> socket.socket:
    failure: OSError = ConnectionRefusedError()
    for index, (family, kind, protocol, _, target) in enumerate(found):
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(socket.socket(family, kind, protocol))
            opened.settimeout(time_left(deadline) / (len(found) - index))
            try:
                opened.connect(target)
            except OSError as exc:
                failure = exc
                continue
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stack.pop_all()
            return opened
    raise failure


def _ask_socks(
    opened: socket.socket, address: Address, deadline: Deadline, *, resolves: bool
) -> None:
    opened.settimeout(time_left(deadline))
    opened.sendall(_GREETING)
    if _receive(opened, len(_WELCOME), deadline) != _WELCOME:
        raise UnreachableError("it wants a password, or is none of version 5")
    opened.sendall(_CONNECT + _target(address, deadline, resolves=resolves))
    _, refusal, _, kind = _receive(opened, 4, deadline)
    if refusal:
        why = _REFUSALS.get(refusal, f"error {refusal}")
        raise UnreachableError(f"it does not reach {address[0]}:{address[1]}: {why}")
    sizes = {_IPV4: 4, _IPV6: 16}
    size = sizes[kind] if kind in sizes else _receive(opened, 1, deadline)[0]
    _receive(opened, size + 2, deadline)  # the address that it connected from


def _target(address: Address, deadline: Deadline, *, resolves: bool) -> bytes:
    """Encode an address as Java does, with the name if only the SOCKS server may resolve it."""
    host, port = address
    try:
        if not resolves:
            host = resolve_within(address, deadline)[0][4][0].partition("%")[0]
        ip = ipaddress.ip_address(host)
    except (UnreachableError, ValueError):
        name = host.encode("idna")
        return bytes([_NAME, len(name)]) + name + port.to_bytes(2, "big")
    kind = _IPV4 if ip.version == 4 else _IPV6  # noqa: PLR2004
    return bytes([kind]) + ip.packed + port.to_bytes(2, "big")


def _receive(opened: socket.socket, size: int, deadline: Deadline) -> bytes:
    content = b""
    while len(content) < size:
        opened.settimeout(time_left(deadline))
        part = opened.recv(size - len(content))
        if not part:
            raise UnreachableError("it closes the connection; is it a SOCKS server?")
        content += part
    return content
