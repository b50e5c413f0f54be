"""What the pages say is so."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import docutils.nodes
import pytest

from tests.conftest import REPOSITORY
from tests.support.documents import code_blocks, commands, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell

DOCS = REPOSITORY / "docs"


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("*.rst")), ids=lambda path: path.name)
def test_is_valid(path: Path) -> None:
    """The pages beside README, which hosts of repositories show; the others Sphinx looks at."""
    parsed(path)


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("*.rst")), ids=lambda path: path.name)
def test_links(path: Path) -> None:
    """What they lead to in the repository is there."""
    for reference in parsed(path).findall(docutils.nodes.reference):
        address = reference.get("refuri", "")
        if address and not address.startswith(("http", "mailto:")):
            assert (REPOSITORY / address).is_file(), address


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


def test_python(private_shell: Shell) -> None:
    code, _ = code_blocks(DOCS / "python.rst", "python")
    shown = private_shell.run(sys.executable, "-c", code).ok().out
    assert shown.startswith("hello\n42\n 42 None\n")
    assert shown.endswith("['2', '2', '2']\n")


@pytest.fixture
def front_end_user(private_shell: Shell) -> Iterator[Shell]:
    """A user whose kernelspec `yarn` is gone afterwards: others have the same home."""
    yield private_shell
    private_shell.yarnkernel("kernelspec", "remove", "yarn").ok()


def test_other_python(front_end_user: Shell) -> None:
    """README's few lines, and those for programs that know jupyter_client alone."""
    front_end_user.yarnkernel("kernelspec", "add", "--name", "yarn", "--replace").ok()
    (short,) = code_blocks(REPOSITORY / "README.rst", "python")
    _, stock = code_blocks(DOCS / "python.rst", "python")
    for code in (short, stock):
        assert "42" in front_end_user.run(sys.executable, "-c", code).ok().out


def test_five_lines(front_end_user: Shell, kernel_venv: Path) -> None:
    """An operator's kernelspec; what comes before and after it is what the tutorial types."""
    make_venv, install, configuration, add, lab = commands(DOCS / "install.rst")
    assert make_venv.startswith("python3 -m venv")
    assert install.startswith("pip install")
    assert configuration.startswith("export HADOOP_CONF_DIR=")
    assert lab.startswith("jupyter lab")
    home = Path(front_end_user.environment["HOME"])
    (home / "envs").mkdir()
    (home / "envs" / "kernel").symlink_to(kernel_venv)
    front_end_user.run("bash", "-c", add.replace("QUEUE", "default")).ok()
    (script := home / "where.py").write_text("import sys; print(sys.prefix)")
    said = front_end_user.run("jupyter", "run", "--kernel", "yarn", script).ok().out
    assert kernel_venv.resolve() == Path(said.strip()).resolve()


def words_of(page: Path) -> list[str]:
    """Our commands and options in a page: those of blocks, and of the tables' last column."""
    tree = parsed(page)
    found = [
        line.partition("  #")[0].strip()
        for block in tree.findall(docutils.nodes.literal_block)
        for line in block.astext().replace("\\\n", " ").splitlines()
    ]
    for row in tree.findall(docutils.nodes.row):
        found += [literal.astext() for literal in row.children[-1].findall(docutils.nodes.literal)]
    return [text for text in found if text.startswith(("yarnkernel ", "-"))]


@pytest.mark.parametrize(
    ("page", "most"),
    [
        ("coming-from.rst", 60),
        ("places.rst", 11),
        ("edge.rst", 4),
        ("install.rst", 4),
        ("../README.rst", 4),
    ],
)
def test_commands_of_a_page(page: str, most: int) -> None:
    """Each is one that the command line knows."""
    from yarnkernel.cli import build_parser
    from yarnkernel.jupyter.front_end_options import CONFIG, read_config
    from yarnkernel.kernels.arguments import given

    parser = build_parser()
    found = words_of(DOCS / page)
    assert len(found) > most
    for command in found:
        words = shlex.split(command.partition(" > ")[0])
        whole = words[0] == "yarnkernel"
        options = parser.parse_args(words[1:] if whole else ["kernelspec", "add", *words])
        if words[1:3] == ["kernelspec", "add"] or words[1:3] == ["start", "--interface"]:
            read_config(given(options, CONFIG))
