"""No process of ours imports from the directory that it happens to start in."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from yarnkernel.python_command import python_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a module of each name that could be imported; all of them raise."""
    directory = tmp_path_factory.mktemp("strange")
    for name in {*sys.stdlib_module_names, *importlib.metadata.packages_distributions()}:
        (directory / f"{name}.py").write_text("raise SystemExit('hijacked')\n")
    return directory


@pytest.fixture
def clean(user_shell: Shell, strange: Path) -> Shell:
    return type(user_shell)({**user_shell.environment, "PWD": str(strange)}, strange)


def test_such_a_directory_does_harm(strange: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "yarnkernel.jupyter.agent"],
        cwd=strange, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert "hijacked" in ended.stderr


def test_agent(clean: Shell) -> None:
    result = clean.run(*python_command("yarnkernel.jupyter.agent")).ok()
    assert (result.out, result.err) == ("", "")


def test_front_end_that_starts_an_agent(clean: Shell, tmp_path: Path) -> None:
    code = (
        "from yarnkernel.jupyter.agent_client import AgentClient\n"
        "from yarnkernel.jupyter.messages import Interrupt\n"
        "agent = AgentClient.shared()\n"
        "try:\n"
        "    asked = agent.request(Interrupt('application_1_0001', 5.0), 60)\n"
        "    asked[1].result(60)\n"
        "except Exception as exc:\n"
        "    print(exc)\n"
    )
    # As a front end does that was installed with a script of its own.
    (script := tmp_path / "front_end.py").write_text(code)
    result = clean.using(HOME=str(tmp_path)).run(sys.executable, script).ok()
    assert "hijacked" not in result.out + result.err
    assert "no cluster" in result.out


def test_launcher_of_a_kernelspec(clean: Shell, tmp_path: Path) -> None:
    add = ("kernelspec", "add", "--name", "x", "--prefix", tmp_path, "--argv", "--json")
    clean.yarnkernel(*add).ok()
    content: dict[str, Any] = yaml.safe_load(
        (tmp_path / "share/jupyter/kernels/x/kernel.json").read_text()
    )
    assert clean.run(*content["argv"][:-1], "--help").ok().out.startswith("usage: ")


@pytest.mark.parametrize("module", ["conda_pack.cli", "venv_pack"])
def test_packers(clean: Shell, module: str) -> None:
    assert clean.run(*python_command(module, "--help")).ok().out.startswith("usage: ")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs PYTHONSAFEPATH")
@pytest.mark.parametrize(
    "spec", sorted(REPOSITORY.glob("specs/*.yaml")), ids=lambda path: path.stem
)
def test_script_of_a_specification(clean: Shell, spec: Path) -> None:
    content = yaml.safe_load(spec.read_text())
    script = (content.get("master") or {}).get("script") or content["services"]["ipython"]["script"]
    plain = re.sub(r"^source .*\n", "", script, flags=re.MULTILINE)
    recipe, _, _ = plain.partition(" -- ")
    result = clean.run("bash", "-c", f"{recipe.rstrip()} --help").ok()
    assert result.out.startswith("usage: python -m yarnkernel.recipe")


def test_recipe_that_is_started_plainly(clean: Shell, tmp_path: Path) -> None:
    """As in specifications that were written before; here a name that it imports itself."""
    (tmp_path / "queue.py").write_text("raise SystemExit('hijacked')\n")
    (tmp_path / "asyncio.py").write_text("raise SystemExit('hijacked')\n")
    result = clean.run("python", "-m", "yarnkernel.recipe", "--help", cwd=tmp_path).ok()
    assert result.out.startswith("usage: ")


def test_command_line(clean: Shell, tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise SystemExit('hijacked')\n")
    here = clean.using(PWD=str(tmp_path))
    assert "start" in here.run("python", "-m", "yarnkernel", "--help", cwd=tmp_path).ok().out
    assert "start" in clean.yarnkernel("--help").ok().out
