"""A session at the Qt console, without a screen; arguments go to ``jupyter qtconsole``.

Prints what was seen as one JSON document.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from qtconsole.qtconsoleapp import JupyterQtConsoleApp

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that anything may take: a kernel has to be scheduled and started.
DEADLINE = 100
#: What stands in the text where there is an image.
IMAGE = "\N{OBJECT REPLACEMENT CHARACTER}"
PLOT = """\
%matplotlib inline
import matplotlib.pyplot as plt
plt.plot([1, 4, 9]);"""


class Session:
    """What a user does and sees in the window."""

    def __init__(self, arguments: list[str]) -> None:
        self.application = JupyterQtConsoleApp()
        self.application.initialize([*arguments, "--JupyterQtConsoleApp.confirm_exit=False"])
        self.widget = self.application.widget
        self.application.window.show()

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"not within {DEADLINE} s: {what}\n{self.text()}")
            QTest.qWait(20)

    def text(self) -> str:
        return str(self.widget._control.toPlainText())

    def wait_for_prompt(self) -> None:
        def ready() -> bool:
            last = self.text().splitlines()[-1:]
            return not self.widget._executing and last != [] and last[0].startswith("In [")

        self.wait(ready, "a prompt")

    def execute(self, code: str) -> str:
        """Execute code and return the text that it has added."""
        before = self.text()
        self.widget.execute(code)
        self.wait(lambda: self.widget._executing or self.text() != before, "it is executed")
        self.wait_for_prompt()
        return self.text()[len(before) :]

    def complete(self, text: str) -> str:
        self.widget.input_buffer = text
        self.widget._control.moveCursor(QTextCursor.MoveOperation.End)
        QTest.keyClick(self.widget._control, Qt.Key.Key_Tab)
        self.wait(lambda: self.widget.input_buffer != text, "it is completed")
        completed = str(self.widget.input_buffer)
        self.widget.input_buffer = ""
        return completed

    def answer(self, code: str, answer: str) -> str:
        """Execute code that asks, and return the text that it has added."""
        before = self.text()
        self.widget.execute(code)
        self.wait(lambda: self.widget._reading, "it asks")
        QTest.keyClicks(self.widget._control, answer)
        QTest.keyClick(self.widget._control, Qt.Key.Key_Return)
        self.wait(lambda: not self.widget._reading, "it has the answer")
        self.wait_for_prompt()
        return self.text()[len(before) :]


def main() -> None:
    session = Session(sys.argv[1:])
    session.wait_for_prompt()
    seen = {
        "value": session.execute("6 * 7"),
        "image": IMAGE in session.execute(PLOT),
        "completed": session.complete("import collec"),
        "answer": session.answer("'Hello ' + input('Who? ')", "Ada"),
    }
    print(json.dumps(seen))
    # Closes the window; a kernel that the console has started ends.
    if "--kernel" in sys.argv:
        session.widget.execute("exit")
        manager = session.widget.kernel_manager
        session.wait(lambda: not manager.has_kernel, "the kernel is shut down")


if __name__ == "__main__":
    main()
