"""Jupyter's front ends, of a user whose kernels run on the session's cluster."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from tests.conftest import Shell

DISPLAY_NAME = "Python (YARN)"
#: Milliseconds that a page may take to show something, on a busy machine too.
DEADLINE = 30_000
#: No question to the user, whether news are wanted, over what the tests look at.
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'


@pytest.fixture(scope="session")
def jupyter(shell: Shell) -> Shell:
    """A user of Jupyter, with a running cluster."""
    settings = shell.directory / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NO_NEWS)
    return shell


@pytest.fixture(scope="session")
def kernel_name(jupyter: Shell) -> str:
    """The name of a kernel on YARN, as ``jupyter kernelspec list`` shows it."""
    jupyter.yarnkernel("kernelspec", "add", "--name", "yarn", "--display-name", DISPLAY_NAME).ok()
    return "yarn"


@pytest.fixture(scope="session")
def display_name() -> str:
    """Its name in launchers and menus."""
    return DISPLAY_NAME


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a server's notebooks."""
    directory = tmp_path_factory.mktemp("jupyter") / "notebooks"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium: playwright's own would be another download."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium")
    # Chromium's sandbox refuses root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1100, "height": 720})
    page.set_default_timeout(DEADLINE)
    expect.set_options(timeout=DEADLINE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def screenshot(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Take a picture, into the directory that the variable SCREENSHOTS names."""
    directory = os.environ.get("SCREENSHOTS")
    target = Path(directory) if directory else tmp_path_factory.mktemp("screenshots")

    def take(name: str) -> None:
        page.screenshot(path=target / f"{name}.png")

    return take


@dataclass(frozen=True)
class RunningKernel:
    """An application with a kernel that no front end has started."""

    app_id: str
    connection_file: Path

    def client(self) -> Kernel:
        return Kernel(json.loads(self.connection_file.read_text()))


@pytest.fixture(scope="module")
def running_kernel(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningKernel]:
    """A kernel for those that attach to one; tests of other files count the kernels."""
    path = tmp_path_factory.mktemp("running") / "kernel.json"
    app_id = shell.yarnkernel("start", "-f", path).ok().out.strip()
    yield RunningKernel(app_id, path)
    shell.yarnkernel("stop", app_id).ok()
