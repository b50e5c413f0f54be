"""The ApplicationMaster's heartbeats: one thread, which goes on whatever happens in it."""

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


class Heartbeats:
    """Beats in a thread of its own, and nobody waits for that in the end: it may hang.

    Parameters
    ----------
    beat : callable
        Tells the ResourceManager that the application lives.
    give_up : float
        Seconds without an answer after which it is given up.
    lose : callable
        Called in that thread, once, with the reason why the application is lost.
    """

    def __init__(
        self, beat: Callable[[], None], give_up: float, lose: Callable[[str], None]
    ) -> None:
        self._beat = beat
        self._give_up = give_up
        self._lose = lose
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="heartbeats", daemon=True).start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def _run(self) -> None:
        last = time.monotonic()
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
            self._stopped.wait(HEARTBEAT_INTERVAL)

    def _end(self, reason: str) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            self._lose(reason)
