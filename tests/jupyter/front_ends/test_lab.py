"""JupyterLab in a real browser, from the launcher's card to the shutdown in the running panel."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from playwright.sync_api import expect

from tests.conftest import Shell, wait_for
from tests.jupyter.front_ends.browser import KERNEL_START, NUMBERED, NotebookPanel
from tests.jupyter.front_ends.servers import Server, serve
from tests.support.kernels import final_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

PLOT = """\
import matplotlib.pyplot as plt
plt.figure(figsize=(4, 2))
plt.plot([1, 4, 9, 16]);"""

BYTES = bytes(range(256)) * 16
WIDGETS = """\
import io, ipywidgets, matplotlib.pyplot as plt
plt.figure(figsize=(1, 1))
plt.savefig(png := io.BytesIO())
plt.close()
image = ipywidgets.Image(value=png.getvalue())
number, upload, label = ipywidgets.IntText(), ipywidgets.FileUpload(), ipywidgets.Label()
def twice(change): label.value = f"twice is {2 * change.new}"
def count(change): label.value = f"{len(change.new[0].content)} bytes"
number.observe(twice, "value")
upload.observe(count, "value")
ipywidgets.VBox([number, upload, label, image])"""


@pytest.fixture(scope="module")
def lab(jupyter: Shell, kernel_name: str, notebooks: Path) -> Iterator[Server]:
    assert kernel_name
    with serve(jupyter, notebooks, "lab") as server:
        yield server


@pytest.fixture(scope="module")
def notebook(
    lab: Server, page: Page, display_name: str, screenshot: Callable[[str], None]
) -> NotebookPanel:
    """A notebook that was made with the launcher's card."""
    page.goto(f"{lab.url}lab?token={lab.token}&reset")
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    card = page.locator('.jp-LauncherCard[data-category="Notebook"]', has_text=display_name)
    card.wait_for()
    screenshot("lab-launcher")
    card.click()
    notebook = NotebookPanel(page)
    notebook.wait_for_kernel(display_name)
    return notebook


def test_cells(notebook: NotebookPanel, screenshot: Callable[[str], None]) -> None:
    assert notebook.output("6 * 7") == "42"
    image = notebook.run(PLOT).locator(".jp-RenderedImage img")
    image.wait_for()
    assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    screenshot("lab-plot")


def test_completion(notebook: NotebookPanel) -> None:
    notebook.run("number_one, number_two = 1, 2")
    cell = notebook.write("number_")
    completer = notebook.page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item")

    def shown() -> bool:
        # JupyterLab does not heed each Tab right after typing, for a local kernel neither.
        notebook.page.keyboard.press("Tab")
        with contextlib.suppress(PlaywrightTimeoutError):
            completer.first.wait_for(timeout=3000)
        return completer.first.is_visible()

    wait_for(shown, 30, "the completer is shown")
    completer.filter(has_text="number_two").click()
    expect(cell.locator(".cm-content")).to_have_text("number_two")
    assert notebook.output("number_two") == "2"


def test_input(notebook: NotebookPanel) -> None:
    cell = notebook.start("name = input('Who? ')\nprint('Hello', name)")
    box = cell.locator(".jp-Stdin-input")
    expect(cell.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    box.fill("Ada")
    box.press("Enter")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("Hello Ada")


def test_interrupt_and_restart(notebook: NotebookPanel) -> None:
    notebook.interrupt()
    notebook.restart()


def test_widgets(
    notebook: NotebookPanel, tmp_path: Path, screenshot: Callable[[str], None]
) -> None:
    """Values go from the browser to the kernel and back, bytes too."""
    cell = notebook.run(WIDGETS)
    image = cell.locator("img.widget-image")
    image.wait_for()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 100
    text = cell.locator(".widget-text input")
    text.fill("21")
    text.press("Enter")
    expect(cell.locator(".widget-label").last).to_have_text("twice is 42")
    (tmp_path / "bytes").write_bytes(BYTES)
    with notebook.page.expect_file_chooser() as chooser:
        cell.locator(".jupyter-widgets.jupyter-button").click()
    chooser.value.set_files(tmp_path / "bytes")
    expect(cell.locator(".widget-label").last).to_have_text(f"{len(BYTES)} bytes")
    arrived = "upload.value[0].content.tobytes() == bytes(range(256)) * 16"
    assert notebook.output(arrived) == "True"
    screenshot("lab-widgets")


def applications(shell: Shell) -> list[str]:
    """The applications that are named after the notebook."""
    listed = shell.yarnkernel("list", "--json").ok().document
    return [one["id"] for one in listed if one["name"] == "Untitled.ipynb"]


def test_kernel_that_is_killed(
    jupyter: Shell, notebook: NotebookPanel, lab: Server, screenshot: Callable[[str], None]
) -> None:
    """The user is told, and the notebook goes on with another kernel in the same container."""
    (app_id,) = applications(jupyter)
    notebook.run("x = 1")
    # Killed at once, it might not have told yet that it runs this cell.
    cell = notebook.start(
        "import os, signal, time\ntime.sleep(1)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    dialog = notebook.page.locator(".jp-Dialog")
    dialog.wait_for(timeout=KERNEL_START)
    expect(dialog).to_contain_text("appears to have died. It will restart automatically.")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("was ended by signal 9 (SIGKILL)")
    screenshot("lab-killed")
    notebook.accept()
    notebook.wait_for_status("idle")
    expect(cell.locator(".jp-InputPrompt")).not_to_have_text(NUMBERED)
    assert notebook.output("'x' in globals()") == "False"
    assert len(lab.kernels()) == 1
    assert applications(jupyter) == [app_id]


def test_shut_down(
    jupyter: Shell, notebook: NotebookPanel, lab: Server, screenshot: Callable[[str], None]
) -> None:
    """Whoever shuts a kernel down gives its container back."""
    page = notebook.page
    (app_id,) = applications(jupyter)
    page.locator('.lm-TabBar-tab[data-id="jp-running-sessions"]').click()
    kernel = page.locator("#jp-running-sessions .jp-RunningSessions-item.jp-mod-kernel").first
    kernel.hover()
    screenshot("lab-running")
    kernel.locator(".jp-RunningSessions-itemShutdown").first.click()
    wait_for(lambda: lab.kernels() == [], 30, "the server has no kernel")
    assert final_status(jupyter, app_id) == "SUCCEEDED"
