"""JupyterLab with kernels on an ssh host, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_for
from tests.jobs.conftest import bare_python, box, ssh_shell
from tests.jupyter.front_ends.browser import NotebookPanel
from tests.jupyter.front_ends.conftest import NO_NEWS
from tests.jupyter.front_ends.servers import Server, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import Shell

__all__ = ["bare_python", "box", "ssh_shell"]

NAME = "Python (box)"


@pytest.fixture(scope="module")
def lab(ssh_shell: Shell, bare_python: Path, notebooks: Path) -> Iterator[Server]:
    settings = ssh_shell.directory / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NO_NEWS)
    place = ("--interface", "ssh", "--host", "box", "--python", bare_python)
    ssh_shell.yarnkernel("kernelspec", "add", "--name", "box", "--display-name", NAME, *place).ok()
    with serve(ssh_shell, notebooks, "lab") as server:
        yield server


def test_notebook(lab: Server, page: Page, ssh_shell: Shell) -> None:
    page.goto(f"{lab.url}lab?token={lab.token}&reset")
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    card = page.locator('.jp-LauncherCard[data-category="Notebook"]', has_text=NAME)
    card.click()
    notebook = NotebookPanel(page)
    notebook.wait_for_kernel(NAME)
    assert notebook.output("6 * 7") == "42"
    (kernel,) = ssh_shell.yarnkernel("list", "--json").ok().document
    assert (kernel["place"], kernel["name"]) == (
        {"interface": "ssh", "host": "box"},
        "Untitled.ipynb",
    )
    notebook.interrupt()
    notebook.restart()
    ssh_shell.yarnkernel("stop", kernel["id"]).ok()
    wait_for(lambda: not ssh_shell.yarnkernel("list", "--ids").out.strip(), 20, "its end")
