"""The house stands: imports go down only, and cheap commands stay cheap."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import yarnkernel

PACKAGE = Path(yarnkernel.__file__).parent
#: What each wing may import of this package, besides the ground, which imports nothing else of
#: it, and itself. Top down: what stands lower imports nothing that stands higher.
WINGS = {
    "cli":         {"doctor", "jupyter", "kernels", "environment", "cluster", "store", "local",
                    "hadoop"},
    "doctor":      {"jupyter", "yarn", "jobs", "kernels", "environment", "cluster", "store",
                    "local", "hosts", "hadoop"},
    "magics":      {"groups", "kernels"},
    "groups":      {"jupyter", "kernels"},
    "jupyter":     {"kernels", "store"},
    "yarn":        {"kernels", "environment", "cluster", "store", "hadoop"},
    "jobs":        {"kernels", "environment", "store", "hosts"},
    "kernels":     {"environment", "cluster", "store"},
    "environment": {"cluster", "hadoop"},
    "cluster":     {"local", "hosts", "hadoop"},
    "local":       set(),
    "dask":        {"containers"},
    "containers":  set(),
    "container":   {"store", "hadoop"},
    "spark":       set(),
    "store":       {"hadoop"},
    "hosts":       set(),
    "hadoop":      set(),
}  # fmt: skip
#: Files at the root that are no ground: doors, which open upon these wings.
DOORS = {
    "__init__": {"kernels", "groups", "magics"},
    "__main__": {"cli"},
    "recipe": {"container"},
}


def wing_of(module: str) -> str:
    """The wing of a module; the ground has no name."""
    first = module.partition(".")[0]
    return first if first in WINGS or first in DOORS else ""


MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(path: Path) -> set[str]:
    """The modules of this package that one imports, whenever: for type checkers alone, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            beside = ["yarnkernel", *path.parent.relative_to(PACKAGE).parts] if node.level else []
            module = ".".join([*beside, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, inside = name.partition(".")
            while package == "yarnkernel" and inside and inside not in MODULES:
                inside = inside.rpartition(".")[0]
            if package == "yarnkernel":
                found.add(inside or "__init__")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_between_wings_go_down_only(module: str) -> None:
    wing = wing_of(module)
    allowed = {"", wing} | WINGS.get(wing, set()) | DOORS.get(wing, set())
    if wing == "cli":
        allowed.add("__init__")  # the version
    assert {wing_of(one) for one in imports(MODULES[module])} <= allowed


def test_imports_within_wings_go_down_only() -> None:
    """No two modules, or more, need each other."""
    graph = {one: imports(path) - {one} for one, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        pytest.fail(f"a circle: {' <- '.join(exc.args[1])}")


def test_wings_stand_on_lower_ones() -> None:
    names = list(WINGS)
    for wing, allowed in WINGS.items():
        assert {names.index(other) > names.index(wing) for other in allowed} <= {True}


def test_wings_say_what_belongs_there() -> None:
    assert WINGS.keys() == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    for wing in WINGS:
        text = ast.get_docstring(ast.parse(MODULES[wing].read_text()))
        assert text, wing
        assert re.search(r"\bnot\b|Nothing", text), wing


def imports_skein(node: ast.AST) -> bool:
    """Whether a module imports skein when it runs: not for type checkers alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return False
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] == "skein" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return str(node.module).partition(".")[0] == "skein"
    return any(imports_skein(child) for child in ast.iter_child_nodes(node))


def test_skein_is_imported_at_one_place() -> None:
    paths = [path for path in PACKAGE.rglob("*.py") if imports_skein(ast.parse(path.read_text()))]
    assert paths == [PACKAGE / "store" / "skein_import.py"]


@pytest.mark.parametrize(
    "statement",
    [
        "import yarnkernel",
        "from yarnkernel.cli import main; main(['--help'])",
        "from yarnkernel.cli import main; main(['start', '--help'])",
        "from yarnkernel.cli import main; main(['cluster', 'env'])",
        "import yarnkernel.yarn.client, yarnkernel.yarn.logs",
        "from yarnkernel.kernels.places import open_cluster; open_cluster()",
        "import yarnkernel.yarn.kernel",
        "from yarnkernel.cli import main; main(['kernelspec', 'add', '--help'])",
    ],
)
def test_stays_cheap(statement: str, tmp_path: Path) -> None:
    code = f"{statement}\nimport sys; print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    heavy = {
        "setuptools",
        "skein",
        "grpc",
        "jupyter_client",
        "IPython",
        "pooch",
        "requests",
        "rich",
    }
    assert heavy.isdisjoint(ended.stderr.split())


def test_public_names_exist() -> None:
    assert yarnkernel.__all__ == sorted(yarnkernel.__all__)
    for name in yarnkernel.__all__:
        assert getattr(yarnkernel, name).__doc__


def test_no_module_is_long() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > 350} == {}


def test_small_import_of_skein_leaves_no_trace() -> None:
    """Neither setuptools nor our stand-in, and skein's messages are the ones that we have."""
    code = """
import sys
from yarnkernel.container.skein_messages import messages
assert not {"skein", "grpc"} & set(sys.modules)
from yarnkernel.store.skein_import import skein
assert not {"setuptools", "distutils", "distutils.version"} & set(sys.modules)
assert skein.proto.Empty is messages.Empty
with skein.utils.grpc_fork_support_disabled():
    pass
from distutils.version import LooseVersion
assert LooseVersion("1.2b3").version == [1, 2, "b", 3]
"""
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)
