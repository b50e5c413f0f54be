"""Options of the recipe that a launch can set, too, shared by both sides."""

from __future__ import annotations

from yarnkernel.option import Option
from yarnkernel.port_range import check_ports

#: Longer than anything lives: 31 years in seconds.
FOR_EVER = 1e9
_GROUP = "when the kernel is restarted or ended"

START = Option(
    "how long the kernel may take to answer, once its container runs",
    name="start_timeout",
    kind=float,
    default=60.0,
    unit="seconds",
    most=FOR_EVER,
    above=True,
    group=_GROUP,
    recipe="--start-timeout",
)
MAX_RESTARTS = Option(
    "how often in a row a kernel that crashes is restarted in place",
    name="max_restarts",
    kind=int,
    default=5,
    metavar="N",
    most=10**9 - 1,
    group=_GROUP,
    recipe="--max-restarts",
)
MEMORY_GUARD = Option(
    "end and restart the kernel alone when its container uses this much of its memory, before "
    "YARN ends the container; 0 switches that off",
    name="memory_guard",
    kind=float,
    default=97.0,
    unit="percent",
    most=100,
    group=_GROUP,
    recipe="--memory-guard",
)
MAX_CONTAINERS = Option(
    "how many further containers the kernel may have at a time, of Dask or of its own choice",
    name="max_containers",
    kind=int,
    default=100,
    metavar="N",
    most=10_000,
    group="how the kernel is started",
    recipe="--max-containers",
)
ORPHAN = Option(
    "end the application when no client has connected for so long; 0 switches the limit off",
    name="orphan_timeout",
    kind=float,
    default=1800.0,
    unset="1800 s, 30 minutes",
    unit="seconds",
    most=FOR_EVER,
    group=_GROUP,
    recipe="--orphan-timeout",
)
IDLE = Option(
    "end it when nobody has used the kernel for so long; counts once a client has connected, as "
    "before that --orphan-timeout alone does; 0 switches the limit off",
    name="idle_timeout",
    kind=float,
    default=43200.0,
    unset="43200 s, 12 hours",
    unit="seconds",
    most=FOR_EVER,
    group=_GROUP,
    recipe="--idle-timeout",
)
LIFETIME = Option(
    "end it after so long, used or not, but for a kernel that is busy; 0 switches the limit off",
    name="max_lifetime",
    kind=float,
    default=604800.0,
    unset="604800 s, 7 days",
    unit="seconds",
    most=FOR_EVER,
    group=_GROUP,
    recipe="--max-lifetime",
)
PORTS = Option(
    "ports at which the kernel and its key-value store are reached, as a firewall leaves them open "
    "to clients; skein's ApplicationMaster, where that is one, has any port",
    name="ports",
    unset="any that are free",
    metavar="FIRST-LAST",
    group="how the kernel is started",
    recipe="--ports",
    also=check_ports,
)
