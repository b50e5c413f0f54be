"""Finds addresses at which a kernel outside YARN can be reached from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnkernel.announcement import ADDRESS_FILE
from yarnkernel.connection import ConnectionInfo, is_loopback, through_forwards
from yarnkernel.errors import HostError
from yarnkernel.jobs.status import RUNNING
from yarnkernel.store.address import CurveKeys, StoreAddress

if TYPE_CHECKING:
    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.record import Record


class Reach:
    """Finds ports of this machine that are forwarded to a kernel's.

    Parameters
    ----------
    record : Record
        The record of its start.
    host : Host
        The host through which its ports are reached.
    """

    def __init__(self, record: Record, host: Host) -> None:
        self._record = record
        self._host = host

    def store(self, announced: dict[str, Any]) -> StoreAddress:
        """Return the address of the store that its supervisor has announced."""
        host, port = self._forward(str(announced["host"]), int(announced["port"]))
        record = self._record
        return StoreAddress(
            kernel=record.id,
            host=host,
            port=port,
            user=record.user,
            state=RUNNING,
            curve=CurveKeys(str(announced["key"]), record.public, record.secret),
        )

    def connection_info(self, info: ConnectionInfo) -> ConnectionInfo:
        """Replace the kernel's ports in connection info with ports of this machine."""
        if not self._host.name:
            return info
        return through_forwards(info, self._forward)

    def _forward(self, host: str, port: int) -> tuple[str, int]:
        node = self._record.node
        if is_loopback(host) and self._host.name and self._host.info.node != node:
            raise HostError(
                f"{self._record.id} runs on {node}, and {self._host} leads to "
                f"{self._host.info.node} now; next: name that host alone in ~/.ssh/config"
            )
        return self._host.forward(host, port, until=f"{self._record.directory}/{ADDRESS_FILE}")
