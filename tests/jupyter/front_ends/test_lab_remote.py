"""``%%remote`` in JupyterLab, in a real browser: a local notebook, and kernels on YARN and here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.jupyter.front_ends.browser import NotebookPanel
from tests.jupyter.front_ends.servers import Server, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import Shell

PLOT = """\
%%remote -k yarn,python3 -o x
import matplotlib.pyplot as plt
%matplotlib inline
print("before")
plt.figure(figsize=(3, 1)); plt.plot([1, 4, 9]); plt.show()
x = 6 * 7"""
LOOP = "%%remote -k yarn,python3\nimport time\nprint('begun', flush=True)\ntime.sleep(600)"


@pytest.fixture(scope="module")
def notebook(
    jupyter: Shell, kernel_name: str, notebooks: Path, page: Page
) -> Iterator[NotebookPanel]:
    assert kernel_name == "yarn"
    with serve(jupyter, notebooks, "lab") as lab:
        yield open_notebook(lab, page)


def open_notebook(lab: Server, page: Page) -> NotebookPanel:
    page.goto(f"{lab.url}lab?token={lab.token}&reset")
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    card = page.locator(
        '.jp-LauncherCard[data-category="Notebook"]', has_text="Python 3 (ipykernel)"
    )
    card.click()
    notebook = NotebookPanel(page)
    notebook.wait_for_kernel("Python 3 (ipykernel)")
    notebook.run("%load_ext yarnkernel")
    return notebook


def test_plots_and_values(notebook: NotebookPanel, screenshot: Callable[[str], None]) -> None:
    cell = notebook.run(PLOT)
    expect(cell.locator(".jp-RenderedImage img")).to_have_count(2)
    for label in ("yarn", "python3"):
        expect(cell.locator(".jp-OutputArea")).to_contain_text(f"[{label}] before")
    screenshot("lab-remote")
    assert notebook.output("yarn.x, python3.x") == "(42, 42)"


def test_input(notebook: NotebookPanel) -> None:
    cell = notebook.start("%remote -k yarn print('Hello', input('Who? '))")
    box = cell.locator(".jp-Stdin-input")
    expect(cell.locator(".jp-Stdin-prompt")).to_have_text("Who? ")
    box.fill("Ada")
    box.press("Enter")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("Hello Ada")


def test_interrupt(notebook: NotebookPanel) -> None:
    cell = notebook.start(LOOP)
    for label in ("yarn", "python3"):
        expect(cell.locator(".jp-OutputArea")).to_contain_text(f"[{label}] begun")
    notebook.choose("interrupt")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("2 of 2 targets failed")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("KeyboardInterrupt")
    notebook.wait_for_status("idle")
    assert notebook.output("%remote -k yarn print(6 * 7)") == "42"
