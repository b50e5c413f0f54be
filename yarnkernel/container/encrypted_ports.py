"""Ports where a kernel that does not encrypt is reached encrypted, by clients that can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zmq

from yarnkernel.connection import PORT_NAMES
from yarnkernel.relay import Relay

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.container.kernel import Kernel

#: What these ports are for, as the kernel's gate has them.
_PREFIX = "encrypted "


async def open_encrypted_ports(kernel: Kernel) -> ConnectionInfo:
    """Open them, for as long as this process lives.

    On this host, between here and the kernel, nothing is encrypted.

    Parameters
    ----------
    kernel : Kernel
        The kernel.

    Returns
    -------
    dict
        Connection info with these ports, and keys of CurveZMQ.

    Raises
    ------
    UsageError, OSError
        When there is no port to be had.
    """
    public, secret = zmq.curve_keypair()
    curve = {"curve_publickey": public.decode(), "curve_secretkey": secret.decode()}
    own = kernel.own_info
    relay = Relay({**own, **curve, **dict.fromkeys(PORT_NAMES, 0)})
    await relay.open(own, at_once=True)
    kernel.gate.open({_PREFIX + name: (own["ip"], relay.ports[name]) for name in PORT_NAMES})
    ports = {name: kernel.gate.ports[_PREFIX + name] for name in PORT_NAMES}
    return {**kernel.info, **curve, **ports}
