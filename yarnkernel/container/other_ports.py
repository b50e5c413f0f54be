"""Further ports of a kernel: encrypted for one that does not encrypt, and plain for one that does.

Not all clients can do what a kernel does, nor all kernels what a client wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zmq

from yarnkernel.connection import CURVE_NAMES, PORT_NAMES
from yarnkernel.relay import Relay

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.container.kernel import Kernel


async def open_other_ports(kernel: Kernel) -> ConnectionInfo:
    """Open them, for as long as this process lives.

    Parameters
    ----------
    kernel : Kernel
        The kernel. Between it and these ports, on this host, is said what it itself does.

    Returns
    -------
    dict
        Connection info with these ports; with keys of CurveZMQ where the kernel has none, and
        without where it has.

    Raises
    ------
    UsageError, OSError, zmq.ZMQError
        When there is no port to be had.
    """
    own = kernel.own_info
    info = {name: value for name, value in own.items() if name not in CURVE_NAMES}
    if info == own:
        keys = zmq.curve_keypair()
        info |= {name: key.decode() for name, key in zip(CURVE_NAMES, keys, strict=True)}
    relay = Relay({**info, **dict.fromkeys(PORT_NAMES, 0)})
    try:
        await relay.open(own, at_once=True)
        kernel.gate.open({f"other {name}": (own["ip"], relay.ports[name]) for name in PORT_NAMES})
    except BaseException:
        relay.close()
        raise
    kernel.gate.relays.append(relay)
    ports = {name: kernel.gate.ports[f"other {name}"] for name in PORT_NAMES}
    return {**info, "ip": kernel.info["ip"], **ports}
