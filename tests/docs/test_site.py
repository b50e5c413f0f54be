"""The site of docs/: built without a warning and without a network, and complete."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import docutils.nodes
import pytest

import yarnkernel
from tests.conftest import REPOSITORY
from tests.support.documents import parsed
from tests.support.programs import programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    built = subprocess.run(
        [*command, "-d", f"{site}-cache", str(DOCS), str(site)],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert built.returncode == 0, built.stderr
    return site


def test_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        for tag in re.findall(r"<(?:link|script|img|iframe)\b[^>]*>", page.read_text()):
            assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", tag), f"{page}: {tag}"


def test_commands(site: Path) -> None:
    """Each command has its section, and each option of its own is there."""
    text = (site / "commands.html").read_text() + (site / "options.html").read_text()
    shown = re.sub(r"<[^>]*>", "", text)
    found = list(programs())
    assert len(found) > 25
    for parser in found:
        assert f'id="{docutils.nodes.make_id(parser.prog)}"' in text
        for action in parser._actions:
            if action.help != argparse.SUPPRESS and action.dest != "help":
                assert all(flag in shown for flag in action.option_strings), action


def test_python(site: Path) -> None:
    """Each public name is described."""
    text = (site / "api.html").read_text()
    for name in yarnkernel.__all__:
        assert f'id="yarnkernel.{name}' in text, name


def texts() -> Iterator[str]:
    """All texts in our code but for docstrings; ``…`` for what is put in."""
    for path in (REPOSITORY / "yarnkernel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "…" for v in node.values]
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_messages() -> None:
    """Each message of ours that is explained is one that we have."""
    known = set(texts())
    messages = [
        literal.astext()
        for term in parsed(DOCS / "troubleshooting.rst").findall(docutils.nodes.term)
        for literal in term.findall(docutils.nodes.literal)
    ]
    assert len(messages) > 30
    for message in messages:
        for part in message.split("…"):
            assert any(part.strip() in text for text in known), message
