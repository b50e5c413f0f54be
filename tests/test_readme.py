"""README's commands, typed as they stand by a newcomer: a new home, a new virtual environment."""

from __future__ import annotations

import ensurepip
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import docutils.core
import pexpect
import pytest

from tests.conftest import CACHE, REPOSITORY, clean_environment, make_venv
from tests.support.documents import code_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell

DOCS = REPOSITORY / "docs"
PROMPT = "ready for the next line> "


def readme_blocks(language: str) -> list[str]:
    """README's code blocks in a language."""
    return code_blocks(REPOSITORY / "README.rst", language)


def readme_commands() -> list[str]:
    """Lines of README's ``code-block:: sh``, but for the two that start all of this."""
    blocks = readme_blocks("sh")
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    assert lines[:2] == ["./scripts/demo", "./scripts/test"]
    return lines[2:]


@pytest.mark.parametrize(
    "path", ["README.rst", "CHANGELOG.rst", *(f"docs/{path.name}" for path in DOCS.glob("*.rst"))]
)
def test_is_valid(path: str) -> None:
    docutils.core.publish_doctree(
        (REPOSITORY / path).read_text(encoding="utf-8"),
        settings_overrides={"report_level": 2, "halt_level": 2},
    )


def test_claims_have_their_tests() -> None:
    """Each test that docs/security.rst names is there."""
    text = (DOCS / "security.rst").read_text(encoding="utf-8")
    table = text.partition("Claims and their tests")[2]
    sources = {path: path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py")}
    paths = {str(path.relative_to(REPOSITORY)) for path in sources}
    names = re.findall(r"``([\w./]*test_\w+(?:\.py)?)``", table)
    assert len(names) > 10
    for name in names:
        assert name in paths or any(f"def {name}(" in source for source in sources.values()), name


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """A shell in a copy of the repository, in a fresh virtual environment."""
    home = tmp_path / "home"
    home.mkdir()
    unwanted = shutil.ignore_patterns(".venv", ".git", ".*_cache", "__pycache__")
    shutil.copytree(REPOSITORY, copy := tmp_path / "clone", ignore=unwanted)
    # As `python -m venv`, which installs pip by a pip that it unpacks for that.
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    make_venv(tmp_path / "venv", "pip", "--no-index", "--find-links", str(bundled))
    environment = clean_environment(home) | {"PS1": PROMPT, "TERM": "dumb"}
    environment["PATH"] = f"{tmp_path}/venv/bin:{environment['PATH'].partition(':')[2]}"
    environment["XDG_CACHE_HOME"] = str(CACHE)
    # What is imported is compiled then; most of it never is.
    environment["PIP_NO_COMPILE"] = "0"  # the value of the setting "compile"
    shell = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile"],
        cwd=str(copy),
        env=environment,
        encoding="utf-8",
        timeout=300,
        dimensions=(50, 300),
    )
    shell.expect_exact(PROMPT)
    yield shell
    shell.sendline("yarnkernel cluster stop")
    shell.expect_exact(PROMPT)
    shell.close(force=True)


def use_console(shell: pexpect.spawn[str]) -> None:
    shell.expect_exact("In [1]: ", timeout=60)
    shell.sendline("6 * 7")
    shell.expect_exact("42")
    shell.expect_exact("In [2]: ")
    shell.sendline("exit")


@pytest.mark.timeout(600)
def test_quick_start(newcomer: pexpect.spawn[str]) -> None:
    commands = readme_commands()
    assert len(commands) > 10
    for command in commands:
        newcomer.sendline(command)
        if command.startswith("jupyter console"):
            use_console(newcomer)
        newcomer.expect_exact(PROMPT)
        said = newcomer.before
        newcomer.sendline("echo code $?")
        newcomer.expect_exact(PROMPT)
        assert re.search(r"code 0\b", newcomer.before or ""), f"{command}: {said}"


def test_python(private_shell: Shell) -> None:
    (code,) = readme_blocks("python")
    shown = private_shell.run(sys.executable, "-c", code).ok().out
    assert shown.startswith("hello\n42\n 42 None\n")
    assert shown.endswith("['2', '2', '2']\n")


def test_every_command_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    from yarnkernel.cli import main

    text = (REPOSITORY / "README.rst").read_text(encoding="utf-8")
    for group in ((), ("env",), ("cluster",), ("kernelspec",)):
        assert main([*group, "--help"]) == 0
        shown = capsys.readouterr().out
        names = re.findall(r"^    ([a-z]+)(?:  |$)", shown, re.MULTILINE)
        assert names
        for name in names:
            assert re.search(rf"\b{name}\b", text), f"{name} is not in README.rst"
            assert main([*group, name, "--help"]) == 0
            assert capsys.readouterr().err == ""


def words_of(path: str) -> list[str]:
    """Our commands and options in a page: those of blocks, and of the tables' last column."""
    tree = docutils.core.publish_doctree((DOCS / path).read_text(encoding="utf-8"))
    found = [
        line.partition("  #")[0].strip()
        for block in tree.findall(docutils.nodes.literal_block)
        for line in block.astext().replace("\\\n", " ").splitlines()
    ]
    for row in tree.findall(docutils.nodes.row):
        found += [literal.astext() for literal in row.children[-1].findall(docutils.nodes.literal)]
    return [text for text in found if text.startswith(("yarnkernel ", "-"))]


@pytest.mark.parametrize(
    ("page", "most"), [("coming-from.rst", 60), ("places.rst", 11), ("edge.rst", 4)]
)
def test_commands_of_a_page(page: str, most: int) -> None:
    """Each is one that the command line knows."""
    from yarnkernel.cli import build_parser
    from yarnkernel.jupyter.front_end_options import CONFIG, read_config
    from yarnkernel.kernels.arguments import given

    parser = build_parser()
    commands = words_of(page)
    assert len(commands) > most
    for command in commands:
        words = shlex.split(command.partition(" > ")[0])
        whole = words[0] == "yarnkernel"
        options = parser.parse_args(words[1:] if whole else ["kernelspec", "add", *words])
        if words[1:3] == ["kernelspec", "add"] or words[1:3] == ["start", "--interface"]:
            read_config(given(options, CONFIG))
