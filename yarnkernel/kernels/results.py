"""The result of a cell: outputs and errors as values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from yarnkernel.errors import YarnKernelError

#: Colours of tracebacks (ECMA-48, Select Graphic Rendition).
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


class CodeError(YarnKernelError):
    """Code failed in a kernel.

    Parameters
    ----------
    error : CellError
        The cell's error.
    """

    def __init__(self, error: CellError) -> None:
        super().__init__(str(error))
        self.error = error


class ExecutionTimeoutError(YarnKernelError, TimeoutError):
    """A cell took too long and was interrupted."""

    exit_code = 3


@dataclass(frozen=True)
class Stream:
    """Text output of a cell.

    Attributes
    ----------
    name : str
        ``"stdout"`` or ``"stderr"``.
    text : str
        The text.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Display:
    """Rich output of a cell: its value, a plot, a table.

    Attributes
    ----------
    data : dict
        The output by MIME type.
    metadata : dict
        Its metadata by MIME type.
    is_value : bool
        Whether it is the value of the cell's last expression.
    display_id : str
        Id by which a later cell may update it; empty if none can.
    """

    data: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)
    is_value: bool = False
    display_id: str = ""

    @property
    def text(self) -> str:
        """The output as plain text; empty if there is none."""
        return str(self.data.get("text/plain", ""))


@dataclass(frozen=True)
class CellError:
    """The exception of a cell that failed.

    Attributes
    ----------
    name : str
        The exception's.
    value : str
        Its text.
    traceback : tuple of str
        The traceback as the kernel formats it.
    """

    name: str
    value: str
    traceback: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the traceback without colours, or the exception if there is none."""
        return _COLOURS.sub("", "\n".join(self.traceback)) or self.summary

    @property
    def summary(self) -> str:
        """The exception's name and text."""
        return f"{self.name}: {self.value}" if self.value else self.name


Output = Stream | Display


@dataclass(frozen=True)
class Result:
    """What came of a cell.

    Attributes
    ----------
    outputs : tuple of Stream or Display
        In order; consecutive texts of a stream are joined.
    error : CellError or None
        Its exception if it failed.
    execution_count : int or None
        The kernel's number of the cell; None if the kernel has ended.
    """

    outputs: tuple[Output, ...] = ()
    error: CellError | None = None
    execution_count: int | None = None

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None

    @property
    def text(self) -> str:
        """All text: streams, and rich outputs as plain text."""
        parts = []
        for output in self.outputs:
            shown = isinstance(output, Display) and not output.text.endswith("\n")
            parts.append(output.text + ("\n" if shown and output.text else ""))
        return "".join(parts)

    @property
    def value(self) -> str | None:
        """The value of the last expression as plain text, or None."""
        values = [one for one in self.outputs if isinstance(one, Display) and one.is_value]
        return values[-1].text if values else None

    def check(self) -> Result:
        """Return the result if the cell succeeded.

        Raises
        ------
        CodeError
            When it failed.
        """
        if self.error is not None:
            raise CodeError(self.error)
        return self


@dataclass(frozen=True)
class MissedCell:
    """The output of a cell while no client was connected.

    Attributes
    ----------
    code : str
        Its code; empty if that is no longer known.
    result : Result
        Its result so far.
    """

    code: str
    result: Result


@dataclass(frozen=True)
class Missed:
    """The output of all cells while no client was connected.

    Attributes
    ----------
    cells : tuple of MissedCell
        In order.
    left_out : int
        Bytes of the oldest output, which was dropped.
    """

    cells: tuple[MissedCell, ...] = ()
    left_out: int = 0

    @property
    def text(self) -> str:
        """All text, preceded by the cells' code."""
        parts = [f"({self.left_out} bytes before this were not kept)"] if self.left_out else []
        for cell in self.cells:
            first, *rest = cell.code.splitlines() or ["(a cell)"]
            parts += [f"In: {first}", *(f"    {line}" for line in rest)]
            parts += [cell.result.text.rstrip("\n"), str(cell.result.error or "")]
        return "\n".join(part for part in parts if part)


class Outputs:
    """Collects the outputs of one cell from a kernel's broadcasts.

    Messages are described in
    https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel

    Attributes
    ----------
    error : CellError or None
        Its exception if it failed.
    """

    def __init__(self) -> None:
        self._outputs: list[Output] = []
        #: Pieces of the last text, joined only when it is read.
        self._pieces: list[str] = []
        self._clears_before_next = False
        self.error: CellError | None = None

    @property
    def all(self) -> tuple[Output, ...]:
        """All outputs so far, in order."""
        self._join()
        return tuple(self._outputs)

    def take(self, kind: str, content: dict[str, Any]) -> Output | None:
        """Take a message; return its output if it has one."""
        if kind == "clear_output":
            self._clears_before_next = True
            if not content.get("wait"):
                self._clear()
            return None
        if kind == "error":
            trace = tuple(map(str, content.get("traceback", ())))
            self.error = CellError(content.get("ename", ""), content.get("evalue", ""), trace)
            return None
        output = _output(kind, content)
        if output is None:
            return None
        if self._clears_before_next:
            self._clear()
        if kind == "update_display_data":
            self._update(output)
        else:
            self._add(output)
        return output

    def _clear(self) -> None:
        self._clears_before_next = False
        self._outputs.clear()
        self._pieces.clear()

    def _add(self, output: Output) -> None:
        last = self._outputs[-1] if self._outputs else None
        if isinstance(output, Stream) and isinstance(last, Stream) and last.name == output.name:
            self._pieces.append(output.text)
        else:
            self._join()
            self._outputs.append(output)

    def _join(self) -> None:
        last = self._outputs[-1] if self._outputs else None
        if self._pieces and isinstance(last, Stream):
            self._outputs[-1] = Stream(last.name, last.text + "".join(self._pieces))
            self._pieces.clear()

    def _update(self, new: Output) -> None:
        for place, old in enumerate(self._outputs):
            known = isinstance(old, Display) and old.display_id
            if known and isinstance(new, Display) and known == new.display_id:
                self._outputs[place] = new


def _output(kind: str, content: dict[str, Any]) -> Output | None:
    if kind == "stream":
        return Stream(content["name"], content["text"])
    if kind in ("execute_result", "display_data", "update_display_data"):
        return Display(
            data=content.get("data", {}),
            metadata=content.get("metadata", {}),
            is_value=kind == "execute_result",
            display_id=str(content.get("transient", {}).get("display_id", "")),
        )
    return None
