"""The notebook that is open in a browser, in JupyterLab and Notebook 7 alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

#: Milliseconds, as playwright counts: a kernel has to be scheduled and started.
KERNEL_START = 120_000
#: What stands before a cell that has run.
NUMBERED = re.compile(r"\[\d+\]:")
#: Work for ever, and say that it has begun.
LOOP = "print('begin', flush=True)\nwhile True:\n    pass"


class NotebookPanel:
    """What a user sees of a notebook, and does with it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.cells = self.panel.locator(".jp-CodeCell")

    def wait_for_kernel(self, display_name: str) -> None:
        # Before the name is there the indicator says idle, and cells do nothing.
        name = self.panel.locator(".jp-KernelName")
        expect(name).to_have_text(display_name, timeout=KERNEL_START)
        self.wait_for_status("idle")

    def wait_for_status(self, status: str) -> None:
        indicator = f'.jp-Notebook-ExecutionIndicator[data-status="{status}"]'
        self.panel.locator(indicator).wait_for(timeout=KERNEL_START)

    def wait_until_not(self, status: str) -> None:
        indicator = self.panel.locator(".jp-Notebook-ExecutionIndicator")
        expect(indicator).not_to_have_attribute("data-status", status)

    def write(self, code: str) -> Locator:
        """Replace the last cell's text."""
        cell = self.cells.nth(self.cells.count() - 1)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(code)
        return cell

    def start(self, code: str) -> Locator:
        """Run code in the last cell; below it appears a new one."""
        cell = self.write(code)
        self.page.keyboard.press("Shift+Enter")
        return cell

    def run(self, code: str) -> Locator:
        """Run code and wait for its end."""
        cell = self.start(code)
        expect(cell.locator(".jp-InputPrompt")).to_have_text(NUMBERED, timeout=KERNEL_START)
        return cell

    def output(self, code: str) -> str:
        return self.run(code).locator(".jp-OutputArea-output").first.inner_text().strip()

    def choose(self, command: str) -> None:
        """Choose a command of the menu Kernel."""
        self.page.locator(".lm-MenuBar-item", has_text="Kernel").click()
        self.page.locator(f'.lm-Menu .lm-Menu-item[data-command="kernelmenu:{command}"]').click()

    def interrupt(self) -> None:
        """Start a loop and interrupt it."""
        cell = self.start(LOOP)
        expect(cell.locator(".jp-OutputArea")).to_contain_text("begin")
        self.choose("interrupt")
        expect(cell.locator(".jp-OutputArea")).to_contain_text("KeyboardInterrupt")
        self.wait_for_status("idle")

    def restart(self) -> None:
        """Restart the kernel and see its variables gone, without loading the page anew."""
        self.run("x = 1")
        self.page.evaluate("window.wasNotReloaded = true")
        self.choose("restart")
        self.accept()
        self.wait_until_not("idle")
        self.wait_for_status("idle")
        cell = self.run("'x' in globals()")
        expect(cell.locator(".jp-OutputArea-output")).to_have_text("False")
        # The kernel numbers its cells from one again.
        expect(cell.locator(".jp-InputPrompt")).to_have_text("[1]:")
        assert self.page.evaluate("window.wasNotReloaded")

    def accept(self) -> None:
        """Say yes to what a dialog asks."""
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
