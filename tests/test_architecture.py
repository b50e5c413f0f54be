"""The house stands: imports go down only, and cheap commands stay cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import yarnkernel

PACKAGE = Path(yarnkernel.__file__).parent
#: What each part may import of this package, besides itself. docs/architecture.rst tells why.
BOTTOM = {
    "errors", "connection", "deadline", "interrupts", "application", "kernel_status", "kinds",
    "child_process", "python_command", "launch_script",
}  # fmt: skip
FILES = {"cluster_env", "cluster_files", "hdfs_files"}
#: What needs neither skein nor gRPC; spec imports skein when it is used.
LIGHT = BOTTOM | FILES | {
    "hadoop", "yarn_client", "yarn_logs", "logs", "spec", "spec_changes", "environment"
}  # fmt: skip
CLIENT = LIGHT | {
    "skein_import", "skein_rpc", "application_master", "skein_driver", "skein_way", "kernel",
    "launch", "console", "kernel_control", "launch_options", "watch", "way", "submission",
    "application_credentials",
}  # fmt: skip
#: What a front end's process loads: neither skein nor gRPC.
FRONT_END = {"agent_client", "kernel_manager", "launch_options", "errors", "connection"}
ALLOWED = {
    "__init__": CLIENT,
    "__main__": {"cli"},
    "errors": set(),
    "deadline": set(),
    "interrupts": set(),
    "connection": {"errors"},
    "application": {"errors"},
    "application_certificate": {"application", "deadline", "errors", "hadoop"},
    "kinds": set(),
    "kernel_status": {"errors", "kinds"},
    "skein_import": set(),
    "skein_rpc": {"application", "deadline", "errors", "interrupts", "skein_import"},
    "hadoop": {"errors", "deadline"},
    "master_launch": {"errors"},
    "launch_script": {"connection"},
    "python_command": set(),
    "child_process": {"deadline", "interrupts"},
    "yarn_command": {"errors", "deadline", "child_process"},
    "cluster_env": {"errors", "hadoop", "local", "yarn_command"},
    "cluster_files": {"errors", "deadline", "child_process", "cluster_env"},
    "hdfs_files": {"errors", "deadline", "cluster_env", "cluster_files", "hadoop"},
    "environment": BOTTOM | FILES | {"hadoop"},
    "application_report": {"application", "hadoop"},
    "yarn_client": {
        "errors",
        "deadline",
        "application",
        "application_report",
        "cluster_env",
        "hadoop",
    },
    "yarn_logs": {"errors", "cluster_env"},
    "logs": {"errors", "deadline", "application", "hadoop", "yarn_client", "yarn_logs"},
    "spec": {"errors", "application", "connection", "launch_script", "skein_import"},
    "spec_changes": {
        "errors",
        "application",
        "application_credentials",
        "environment",
        "launch_script",
        "skein_import",
        "spec",
    },
    "application_master": {
        "application_certificate",
        "application_credentials",
        "deadline",
        "kernel_status",
        "errors",
        "application",
        "skein_import",
        "skein_rpc",
    },
    "skein_driver": {"errors", "deadline", "cluster_env", "skein_import", "skein_rpc"},
    "skein_way": BOTTOM | {"skein_driver", "skein_rpc", "submission", "yarn_client"},
    "submission": {"errors", "deadline", "yarn_client"},
    "application_credentials": {"errors", "skein_import", "skein_rpc"},
    "container_files": {"errors", "deadline", "cluster_env", "environment", "hadoop"},
    "direct_way": BOTTOM
    | {
        "application_certificate",
        "cluster_env",
        "container_files",
        "hadoop",
        "launch_script",
        "master_launch",
        "skein_rpc",
        "submission",
        "yarn_client",
    },
    "way": {
        "errors",
        "deadline",
        "direct_way",
        "skein_driver",
        "skein_way",
        "submission",
        "yarn_client",
    },
    "kernel": BOTTOM | {"application_master", "hadoop", "logs", "skein_rpc", "yarn_client"},
    "kernel_command": {"connection", "errors"},
    "launch_options": BOTTOM
    | FILES
    | {
        "environment",
        "kernel_command",
        "launch_script",
        "spec",
        "spec_changes",
        "submission",
        "way",
    },
    "launch": BOTTOM
    | {
        "application_credentials",
        "environment",
        "kernel",
        "kernel_control",
        "launch_options",
        "spec_changes",
        "way",
    },
    "watch": BOTTOM | {"application_master", "kernel"},
    "agent": CLIENT | {"agent_starts", "agent_ends"},
    "agent_starts": {"errors", "deadline"},
    "agent_ends": {"errors", "deadline"},
    "line_pipe": set(),
    "agent_client": {"errors", "line_pipe", "python_command"},
    "kernel_manager": {"connection", "errors", "launch_options"},
    "provisioner": FRONT_END,
    "relay": {"errors", "connection"},
    "launcher": CLIENT | {"cli", "launcher_arguments", "relay"},
    "launcher_arguments": {"cli", "connection", "errors", "kernelspec", "launch_options"},
    "kernelspec": {"errors", "python_command"},
    "console": {"errors", "connection"},
    "kernel_control": BOTTOM
    | {
        "application_master",
        "console",
        "kernel",
        "skein_rpc",
        "yarn_client",
    },
    "cli": CLIENT | {"kernelspec", "launcher_arguments", "local", "__init__"},
    "recipe": {"errors", "connection", "container"},
    "container": {
        "relay",
        "launch_script",
        "application",
        "application_certificate",
        "errors",
        "connection",
        "deadline",
        "hadoop",
        "kernel_status",
        "master_launch",
        "skein_import",
        "skein_rpc",
    },
    "local": {"errors"},
}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    parts = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, *rest = name.split(".")
            if package == "yarnkernel":
                known = rest and (
                    (PACKAGE / rest[0]).is_dir() or (PACKAGE / f"{rest[0]}.py").exists()
                )
                parts.add(rest[0] if known else "__init__")
    return parts


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_go_down_only(path: Path) -> None:
    part = part_of(path)
    assert imported_parts(path) - {part} <= ALLOWED[part]


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
    assert paths == [PACKAGE / "skein_import.py"]


def test_table_has_no_stranger() -> None:
    assert set(ALLOWED) == {part_of(path) for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize(
    "statement",
    [
        "import yarnkernel",
        "from yarnkernel.cli import main; main(['--help'])",
        "from yarnkernel.cli import main; main(['start', '--help'])",
        "from yarnkernel.cli import main; main(['cluster', 'env'])",
        "import yarnkernel.yarn_client, yarnkernel.logs",
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
from yarnkernel.skein_import import skein
assert not {"setuptools", "distutils", "distutils.version"} & set(sys.modules)
assert skein.proto.Empty is messages.Empty
with skein.utils.grpc_fork_support_disabled():
    pass
from distutils.version import LooseVersion
assert LooseVersion("1.2b3").version == [1, 2, "b", 3]
"""
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)
