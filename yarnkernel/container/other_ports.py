"""Further ports of a kernel: encrypted ones if it does not encrypt, plain ones if it does.

Some clients cannot encrypt, and some kernels cannot either.
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
    """Open the ports for as long as this process lives.

    Parameters
    ----------
    kernel : Kernel
        The kernel. Traffic between it and these ports stays on this host, encrypted or not as the
        kernel does.

    Returns
    -------
    dict
        Connection info with these ports, and with CurveZMQ keys if the kernel itself has none.

    Raises
    ------
    UsageError, OSError, zmq.ZMQError
        When no port is free.
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
