"""Shows the outputs of targets, in notebooks and terminals."""

from __future__ import annotations

import getpass
import signal
import sys
from typing import TYPE_CHECKING, Any

from IPython.display import clear_output

from yarnkernel.kernels.results import CellError
from yarnkernel.magics.lines import Lines, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.groups.channels import Message
    from yarnkernel.groups.job import Job
    from yarnkernel.magics.bar import Bar

_WIDGET = "application/vnd.jupyter.widget-view+json"
_PLAIN = "text/plain"
#: What IPython raises if the user cannot be asked for input.
_NO_INPUT = "StdinNotImplementedError"


class Shown:
    """See :class:`yarnkernel.groups.job.Listener`.

    Parameters
    ----------
    several : bool
        Whether there are several targets, so that outputs need names.
    bar : Bar
        Shows which targets are not done.
    on_end : callable
        Called with each target when it is done.
    """

    def __init__(self, bar: Bar, on_end: Callable[[Job], object], *, several: bool) -> None:
        self._several = several
        self._bar = bar
        self._on_end = on_end
        self._lines = Lines(prefixed=several)
        self._said: set[str] = set()
        #: Errors already shown, with the target that raised them first.
        self._errors: dict[tuple[str, str], str] = {}
        self._failed: set[str] = set()
        #: Outputs that are held back.
        self._held: list[Callable[[], None]] | None = None

    def hold(self) -> None:
        """Hold outputs back from now on."""
        if self._held is None:
            self._held = []

    def let_go(self) -> None:
        """Show held outputs and all later ones."""
        held, self._held = self._held or [], None
        for show in held:
            show()

    def look(self) -> None:
        """Show lines that have been incomplete for too long."""
        if self._held is None:
            self._lines.look()

    def _show(self, show: Callable[[], None]) -> None:
        if self._held is not None:
            self._held.append(show)
            return
        self._bar.make_way()
        show()

    def hear(self, job: Job, message: Message) -> None:
        """Show a message of the kernel."""
        self._show(lambda: self._hear(job.label, message.kind, message.content))

    def _hear(self, label: str, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            self._lines.write(label, str(content.get("name")), str(content.get("text")))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self._display(label, content, update=kind == "update_display_data")
        elif kind == "error":
            trace = tuple(str(line) for line in content.get("traceback") or ())
            self._error(
                label, CellError(str(content.get("ename")), str(content.get("evalue")), trace)
            )
        elif kind == "clear_output":
            if self._several:
                self._say_once(label, "clear_output() clears where there is one target alone")
            else:
                self._lines.end(label)
                clear_output(wait=bool(content.get("wait")))  # type: ignore[no-untyped-call]

    def _display(self, label: str, content: dict[str, Any], *, update: bool) -> None:
        data = dict(content.get("data") or {})
        if data.pop(_WIDGET, None) is not None:
            self._say_once(label, "widgets of a target cannot be used here: their text is shown")
        shown_as = str((content.get("transient") or {}).get("display_id") or "")
        if self._several and data.keys() == {_PLAIN} and not shown_as:
            text = str(data[_PLAIN])
            self._lines.write(label, "stdout", text if text.endswith("\n") else f"{text}\n")
            return
        if not data:
            return
        self._lines.end_all()
        if self._several and not update:
            self._lines.heading(label)
        metadata = {**(content.get("metadata") or {}), "yarnkernel": {"target": label}}
        own = f"yarnkernel-{label}-{shown_as}" if shown_as else ""
        publish(data, metadata, shown_as=own, update=update)

    def _error(self, label: str, error: CellError) -> None:
        self._failed.add(label)
        first = self._errors.setdefault((error.name, error.value), label)
        text = "\n".join(error.traceback) or error.summary
        if first != label:
            text = f"{error.summary} (as on {first})"
        self._lines.write(label, "stderr", f"{text}\n")
        if error.name == _NO_INPUT and self._several:
            self._say_once(label, "input() can be asked by one target alone")

    def tell(self, job: Job, text: str) -> None:
        """Show a notice about a target."""
        self._show(lambda: self._lines.write(job.label, "stderr", f"{text}\n", of_ours=True))

    def _say_once(self, label: str, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._lines.write(label, "stderr", f"{text}\n", of_ours=True)

    def end(self, job: Job) -> None:
        """Show that a target is done."""
        error = job.outputs.error
        self._show(lambda: self._end(job.label, error))
        self._on_end(job)

    def _end(self, label: str, error: CellError | None) -> None:
        self._lines.end(label)
        if error is not None and label not in self._failed:
            self._error(label, CellError(error.name, error.value))

    def ask(self, job: Job, prompt: str, *, password: bool) -> str | None:
        """Ask the user for a kernel's input; return None if that is impossible."""
        self._lines.end_all()
        counting = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return getpass.getpass(prompt) if password else input(prompt)
        except KeyboardInterrupt:
            return None
        except (EOFError, RuntimeError) as exc:  # StdinNotImplementedError is a RuntimeError
            self.tell(job, f"its input() cannot be asked here: {str(exc) or type(exc).__name__}")
            return None
        finally:
            signal.signal(signal.SIGINT, counting)
            sys.stdout.flush()
