"""Tables for terminals and pipes; the column that identifies a row is never cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Spaces between two columns.
GAP = 2
#: Characters that a truncated column keeps.
SHORTEST = 10
_CUT = "…"


@dataclass(frozen=True)
class Table:
    """A table that adapts to narrow terminals.

    Attributes
    ----------
    headings : sequence of str
        Headings of the columns, the first of which identifies the row.
    rows : sequence of sequences of str
        Its cells.
    dropped : sequence of str, optional
        Headings of columns that narrow terminals drop, in order.
    cut : str, optional
        Heading of a column that is truncated before any is dropped.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    dropped: Sequence[str] = ()
    cut: str = ""

    def lines(self, width: int | None = None) -> list[str]:
        """Format it, headings first.

        Parameters
        ----------
        width : int, optional
            Width of the terminal; unlimited by default.
        """
        from rich.cells import cell_len, set_cell_size  # noqa: PLC0415  (slow to import)

        columns = {
            heading: [heading, *(printable(row[index]) for row in self.rows)]
            for index, heading in enumerate(self.headings)
        }
        widths = {heading: max(map(cell_len, cells)) for heading, cells in columns.items()}

        def too_wide() -> int:
            return 0 if width is None else sum(widths.values()) + GAP * (len(widths) - 1) - width

        if too_wide() > 0 and self.cut:
            least = min(widths[self.cut], max(SHORTEST, cell_len(self.cut)))
            widths[self.cut] = max(least, widths[self.cut] - too_wide())
        for heading in self.dropped:
            if too_wide() > 0:
                del widths[heading]
        if width is not None and self.cut in widths:  # left over from a dropped column
            longest = max(map(cell_len, columns[self.cut]))
            widths[self.cut] = min(longest, widths[self.cut] + max(0, -too_wide()))

        def cell(heading: str, text: str) -> str:
            if cell_len(text) > widths[heading]:
                return set_cell_size(text, widths[heading] - 1).rstrip() + _CUT
            return set_cell_size(text, widths[heading])

        return [
            (" " * GAP).join(cell(heading, columns[heading][row]) for heading in widths).rstrip()
            for row in range(len(self.rows) + 1)
        ]
