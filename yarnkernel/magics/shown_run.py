"""A run on targets whose outputs are shown in the notebook."""

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
    """The result of ``%%remote --noblock``.

    Parameters
    ----------
    run : Run
        What runs.
    shown : Shown
        Shows outputs.
    bar : Bar
        Shows which targets are not done.
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
        """The outputs of each target so far, by name."""
        return self._run.outputs

    def begin(self) -> None:
        """Wait until each kernel has the code; hold outputs back until :meth:`wait`."""
        self._shown.hold()
        try:
            self._run.begin(self._bar.look)
        finally:
            self._bar.end(self._run)

    def wait(self, timeout: float | None = None) -> GroupResult:
        """Wait for all targets and show their outputs.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait, after which the targets keep running.

        Raises
        ------
        LeftRunningError
            When they were left running, after that time or a second Ctrl-C.
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
        """Wait for all targets and return the results without showing them."""
        self._shown.hold()
        return self._run.wait(timeout)

    def interrupt(self) -> None:
        """Interrupt the targets that are still running."""
        self._run.interrupt()
