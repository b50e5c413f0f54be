"""The ApplicationMaster's heartbeats: a thread that goes on whatever fails in it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from yarnkernel.errors import ClusterError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

#: Seconds between two heartbeats; ResourceManagers wait for 10 minutes by default
#: (``yarn.am.liveness-monitor.expiry-interval-ms``).
HEARTBEAT_INTERVAL = 1.0
#: The first intervals after a request, each twice as long as the one before, as in Spark
#: (``spark.yarn.scheduler.initial-allocation.interval``).
HASTY_INTERVAL = 0.2
#: Seconds to collect further requests for the same heartbeat.
BATCH_TIME = 0.05


class Heartbeats:
    """Beats in a thread of its own, for which nobody waits at the end, as it may hang.

    Parameters
    ----------
    beat : callable
        Sends one heartbeat to the ResourceManager.
    give_up : float
        Seconds without an answer after which the application is given up.
    lose : callable
        Called once, in that thread, with the reason why the application is lost.
    """

    def __init__(
        self, beat: Callable[[], None], give_up: float, lose: Callable[[str], None]
    ) -> None:
        self._beat = beat
        self._give_up = give_up
        self._lose = lose
        self._stopped = threading.Event()
        self._hasten = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="heartbeats", daemon=True).start()

    def stop(self) -> None:
        """Stop beating."""
        self._stopped.set()
        self._hasten.set()

    def hasten(self) -> None:
        """Beat at once and a few more times soon, as an answer is expected."""
        self._hasten.set()

    def _run(self) -> None:
        last = time.monotonic()
        interval = HEARTBEAT_INTERVAL
        while not self._stopped.is_set():
            try:
                self._beat()
            except NotFoundError as exc:
                self._end(f"YARN has ended this application: {exc}")
            except Exception as exc:  # noqa: BLE001  (a host out of memory, a fault of ours)
                _log.warning(
                    "no heartbeat: %s", exc if isinstance(exc, ClusterError) else repr(exc)
                )
                if time.monotonic() - last > self._give_up:
                    self._end(f"no ResourceManager has answered for {self._give_up:.0f} s")
            else:
                last = time.monotonic()
            interval = min(2 * interval, HEARTBEAT_INTERVAL)
            if self._hasten.wait(interval):
                self._stopped.wait(BATCH_TIME)
                self._hasten.clear()
                interval = HASTY_INTERVAL / 2

    def _end(self, reason: str) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._lose(reason)
