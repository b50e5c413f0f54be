"""What ``yarnkernel doctor`` says, and Pythons that lack something."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.conftest import Shell

#: Checks by their names, as JSON has them.
Checks = dict[str, dict[str, str]]


def examined(shell: Shell, *arguments: str | Path, acting_for: str = "") -> Checks:
    """What each check has found; the exit code has to say whether one has failed."""
    before = ["--user", acting_for] if acting_for else []
    result = shell.yarnkernel(*before, "doctor", "--json", *arguments)
    assert result.code in (0, 1), result.err
    assert "Traceback" not in result.err
    return read(result.document, result.code)


def read(document: list[dict[str, str]], code: int) -> Checks:
    """Check what holds of all of them."""
    checks = {check["name"]: check for check in document}
    assert len(checks) == len(document)
    for check in document:
        assert check.keys() == {"name", "state", "found", "why", "todo"}
        assert check["state"] in ("ok", "warning", "failed", "skipped")
        assert (check["state"] == "ok") == (not check["why"]), check
        if check["state"] == "failed":
            assert check["todo"], check
    assert code == any(check["state"] == "failed" for check in document)
    return checks


def failing(checks: Checks) -> list[str]:
    return [name for name, check in checks.items() if check["state"] == "failed"]


def lacking(directory: Path, without: Collection[str], metadata: str = "") -> list[str]:
    """A command that is yarnkernel's, run by a Python without some packages.

    Parameters
    ----------
    directory : pathlib.Path
        For its site-packages: links.
    without : collection of str
        How the names of what is left out begin.
    metadata : str, optional
        What the package says of itself; by default what it does here.
    """
    packages = directory / "site-packages"
    packages.mkdir()
    (packages / "yarnkernel").symlink_to(REPOSITORY / "yarnkernel")
    names = (*without, "__editable__", "_yarnkernel", "yarnkernel")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        is_told = entry.name.startswith("yarnkernel-") and not metadata
        if is_told or not entry.name.startswith(names):
            (packages / entry.name).symlink_to(entry)
    if metadata:
        (packages / "yarnkernel-0.1.0.dist-info").mkdir()
        (packages / "yarnkernel-0.1.0.dist-info" / "METADATA").write_text(metadata)
    code = (
        f"import sys; sys.path.append({str(packages)!r}); sys.path_importer_cache.clear(); "
        "from yarnkernel.cli import run; run()"
    )
    return [sys.executable, "-I", "-S", "-c", code]
