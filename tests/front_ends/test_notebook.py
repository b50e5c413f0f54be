"""Notebook 7 in a real browser, on a notebook that names its kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.front_ends.browser import NotebookPanel
from tests.front_ends.notebooks import write_notebook
from tests.front_ends.servers import serve

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import Shell


def test_notebook(
    jupyter: Shell,
    notebooks: Path,
    page: Page,
    kernel_name: str,
    display_name: str,
) -> None:
    write_notebook(notebooks / "calculation.ipynb", kernel_name, "6 * 7")
    with serve(jupyter, notebooks, "notebook") as server:
        page.goto(f"{server.url}notebooks/calculation.ipynb?token={server.token}")
        notebook = NotebookPanel(page)
        notebook.wait_for_kernel(display_name)
        assert notebook.output("6 * 7") == "42"
        notebook.interrupt()
        notebook.restart()
        assert [kernel["name"] for kernel in server.kernels()] == [kernel_name]
