"""A kernel as its users see it, the model of tables, ``status`` and JSON output."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarnkernel.kernel_status import KernelStatus
    from yarnkernel.kernels.handle import Status

_MIB = 1 << 20
#: A supervisor's phases, in order.
PHASES = ("recipe", "kernel", "published", "restarted")


@dataclass(frozen=True)
class KernelModel:
    """A kernel's status from its place and from its supervisor.

    Attributes
    ----------
    status : Status
        The place's status.
    kernel : KernelStatus or None
        The supervisor's status; None if it was not asked or did not answer.
    """

    status: Status
    kernel: KernelStatus | None = None

    @property
    def node(self) -> str:
        """The host where it runs; empty before it does."""
        return self.kernel.host if self.kernel else self.status.host

    @property
    def lasted(self) -> float | None:
        """Seconds from its submission until now or its end; None if unknown."""
        status = self.status
        if status.start_time is None:
            return None
        end = status.finish_time or datetime.now(timezone.utc)
        # The clocks may be those of two machines.
        return max(0.0, (end - status.start_time).total_seconds())

    @property
    def phases(self) -> dict[str, datetime | None]:
        """When it reached each phase, in order; None if not yet or unknown."""
        told = self.kernel.phases if self.kernel else {}
        return {
            "submitted": self.status.start_time,
            "container": self.status.launch_time,
            **{name: _moment(told.get(name)) for name in PHASES},
            "ended": self.status.finish_time,
        }

    def document(self) -> dict[str, Any]:
        """Return it for programs, as described in ``docs/output.schema.json``."""
        status, kernel = self.status, self.kernel
        return {
            "id": status.id,
            "name": status.name,
            "user": status.user,
            "place": {"interface": status.interface, "host": status.on or None},
            "queue": status.queue or None,
            "job": status.job or None,
            "state": status.state,
            "final_status": status.final_status if status.ended else None,
            "reason": status.diagnostics or None,
            "node": self.node or None,
            "resources": {"memory": status.memory * _MIB or None, "vcores": status.vcores or None},
            "times": {name: iso_time(moment) for name, moment in self.phases.items()},
            "tags": sorted(status.tags),
            "details": dict(status.details),
            "kernel": kernel
            and {
                "state": kernel.state,
                "pid": kernel.pid,
                "used": kernel.connected,
                "last_activity": iso_time(_moment(kernel.last_activity)),
                "memory": kernel.memory,
                "memory_limit": kernel.memory_limit or None,
                "restarts": kernel.restarts,
                "last_end": kernel.last_end or None,
                "exit_code": kernel.exit_code,
            },
        }


def iso_time(moment: datetime | None) -> str | None:
    """Format a time as in all our JSON: ISO 8601 in UTC; None stays None."""
    return moment.astimezone(timezone.utc).isoformat() if moment else None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
