"""Progress of Spark's jobs, in one line of a cell that is updated in place."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
import uuid
from typing import Any

from IPython.display import display, update_display

#: Seconds before anything is shown, and between two updates.
PATIENCE, INTERVAL = 2.0, 1.0


class Watch:
    """Shows the progress of a cell's jobs.

    Parameters
    ----------
    context : pyspark.SparkContext
        The context of the jobs.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self._over = threading.Event()
        self._shown = ""
        self._jobs: set[int] = set()
        self._id = uuid.uuid4().hex
        self._began = time.monotonic()
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), daemon=True)

    def start(self) -> None:
        """Start the updates."""
        self._thread.start()

    def stop(self) -> None:
        """Show the final state, if anything was shown."""
        self._over.set()
        self._thread.join(INTERVAL)
        if self._shown:
            count = len(self._jobs)
            jobs = "1 job" if count == 1 else f"{count} jobs"
            self._show(f"Spark: {jobs}, {time.monotonic() - self._began:.0f} s")

    def _run(self) -> None:
        if self._over.wait(PATIENCE):
            return
        with contextlib.suppress(Exception):  # it has ended or was stopped
            tracker = self._context.statusTracker()
            while True:
                text = self._look(tracker)
                if text and text != self._shown and not self._over.is_set():
                    self._show(text)
                if self._over.wait(INTERVAL):
                    return

    def _look(self, tracker: Any) -> str:
        self._jobs.update(tracker.getActiveJobsIds())
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        found = [stage for stage in stages if stage is not None]
        if not found:
            return ""
        names = ", ".join(str(stage.stageId) for stage in found)
        done = sum(stage.numCompletedTasks for stage in found)
        total = sum(stage.numTasks for stage in found)
        word = "stage" if len(found) == 1 else "stages"
        waits = ""
        if not sum(stage.numActiveTasks for stage in found) and not self._executors():
            waits = ", waits for executors"
        return f"Spark: {word} {names}, {done} of {total} tasks{waits}"

    def _executors(self) -> int:
        # The driver is one of them.
        return int(self._context._jsc.sc().getExecutorMemoryStatus().size()) - 1  # noqa: SLF001

    def _show(self, text: str) -> None:
        show: Any = update_display if self._shown else display
        show({"text/plain": text}, raw=True, display_id=self._id)
        self._shown = text
