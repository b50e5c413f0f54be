"""Users of kernelspecs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import Shell

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(user_shell: Shell, tmp_path: Path) -> Shell:
    """A user with a home of the test's own, and without a cluster."""
    return Shell(user_shell.using(HOME=str(tmp_path)).environment, tmp_path)
