"""Choose free TCP ports on the loopback interface, outside the system's ephemeral range."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

from yarnkernel.errors import LocalClusterError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: Below Linux' default ip_local_port_range (32768-60999), so that no outgoing connection takes one.
PORT_RANGE = range(20000, 32000)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As in Hadoop's servers: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_ports(uses: Iterable[str], taken: Collection[int]) -> dict[str, int]:
    """Choose one free port for each use.

    Parameters
    ----------
    uses : iterable of str
        What the ports are for.
    taken : collection of int
        Ports not to choose even if nothing currently listens on them.

    Returns
    -------
    dict of str to int
        A port for each of ``uses``.

    Raises
    ------
    LocalClusterError
        When there are not enough free ports in ``PORT_RANGE``.
    """
    candidates = random.sample(PORT_RANGE, len(PORT_RANGE))
    free = (port for port in candidates if port not in taken and _is_free(port))
    try:
        return {use: next(free) for use in uses}
    except StopIteration:
        raise LocalClusterError(
            f"no free TCP ports between {PORT_RANGE.start} and {PORT_RANGE.stop}"
        ) from None
