"""Notebook 7 in a real browser, on notebooks that name their kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.jupyter.front_ends.browser import KERNEL_START, NotebookPanel
from tests.jupyter.front_ends.notebooks import write_notebook
from tests.jupyter.front_ends.servers import Server, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import Shell


@pytest.fixture(scope="module")
def server(jupyter: Shell, kernel_name: str, notebooks: Path) -> Iterator[Server]:
    write_notebook(notebooks / "calculation.ipynb", kernel_name, "6 * 7")
    with serve(jupyter, notebooks, "notebook") as server:
        yield server


def test_notebook(server: Server, page: Page, kernel_name: str, display_name: str) -> None:
    page.goto(f"{server.url}notebooks/calculation.ipynb?token={server.token}")
    notebook = NotebookPanel(page)
    notebook.wait_for_kernel(display_name)
    assert notebook.output("6 * 7") == "42"
    notebook.interrupt()
    notebook.restart()
    assert [kernel["name"] for kernel in server.kernels()] == [kernel_name]


def test_kernel_that_cannot_be_started(
    jupyter: Shell, server: Server, page: Page, notebooks: Path
) -> None:
    """The user reads what YARN says."""
    jupyter.yarnkernel("kernelspec", "add", "--name", "wrong", "--queue", "nosuch").ok()
    write_notebook(notebooks / "wrong.ipynb", "wrong", "6 * 7")
    page.goto(f"{server.url}notebooks/wrong.ipynb?token={server.token}")
    expect(page.locator(".jp-Dialog")).to_contain_text(
        "YARN refused the application: there is no queue 'nosuch'", timeout=KERNEL_START
    )
    jupyter.yarnkernel("kernelspec", "remove", "wrong").ok()
