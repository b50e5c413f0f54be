"""Code that runs on targets, as a notebook has it: waited for, its outputs shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.groups.run import LeftRunningError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.groups.results import GroupResult
    from yarnkernel.groups.run import Run
    from yarnkernel.kernels.results import Output
    from yarnkernel.magics.bar import Bar
    from yarnkernel.magics.shown import Shown


class ShownRun:
    """What ``%%remote --noblock`` gives.

    Parameters
    ----------
    run : Run
        What runs.
    shown : Shown
        Shows what comes.
    bar : Bar
        Shows who is not done.
    """

    def __init__(self, run: Run, shown: Shown, bar: Bar) -> None:
        self._run = run
        self._shown = shown
        self._bar = bar

    def __repr__(self) -> str:
        return repr(self._run)

    @property
    def done(self) -> bool:
        """Whether all targets are done."""
        self._run.look(0.0)
        return self._run.done

    @property
    def outputs(self) -> Mapping[str, tuple[Output, ...]]:
        """What each target has put out so far, by its name."""
        return self._run.outputs

    def begin(self) -> None:
        """Wait until each kernel has the code, and show nothing before :meth:`wait`."""
        self._shown.hold()
        try:
            self._run.begin(self._bar.look)
        finally:
            self._bar.end(self._run)

    def wait(self, timeout: float | None = None) -> GroupResult:
        """Wait for all targets, and show what they put out.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; the targets go on.

        Raises
        ------
        LeftRunningError
            When they were left running: after that time, or by a second Ctrl-C.
        """
        self._shown.let_go()
        try:
            return self._run.wait(timeout, each_look=self._look)
        except LeftRunningError as exc:
            self._shown.hold()
            raise LeftRunningError(f"{exc.who} still running; next: %remote result") from None
        finally:
            self._bar.end(self._run)

    def _look(self, run: Run) -> None:
        self._shown.look()
        self._bar.look(run)

    def result(self, timeout: float | None = None) -> GroupResult:
        """Wait for all targets, and return what has come of it, without showing it."""
        self._shown.hold()
        return self._run.wait(timeout)

    def interrupt(self) -> None:
        """Interrupt the targets that still run."""
        self._run.interrupt()
