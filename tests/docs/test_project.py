"""What the project's files promise to package indexes, distributions and CI."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
import yaml

import yarnkernel
from tests.conftest import BIN, REPOSITORY

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

PLACEHOLDER = "https://yarnkernel.example"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel that is made of it."""
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(directory), str(REPOSITORY)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def metadata(built: Path) -> Message:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_index_takes_it(built: Path) -> None:
    files = [str(path) for path in built.iterdir()]
    subprocess.run([f"{BIN}/twine", "check", "--strict", *files], check=True, timeout=60)


def test_metadata(metadata: Message) -> None:
    assert metadata["Version"] == yarnkernel.__version__
    assert metadata["Author"]
    labels = {line.partition(",")[0] for line in metadata.get_all("Project-URL", [])}
    assert labels == {"Homepage", "Documentation", "Changelog", "Source", "Issues"}


def test_page_of_an_index(metadata: Message) -> None:
    """README's links lead to pages that the site has."""
    text = str(metadata.get_payload())
    addresses = re.findall(r"<([^<>\s]+)>`_", text) + re.findall(r"image:: (\S+)", text)
    assert len(addresses) > 20
    for address in addresses:
        assert address.startswith(f"{PLACEHOLDER}/"), address
        name = address.removeprefix(f"{PLACEHOLDER}/")
        image = name.removeprefix("_images/")
        source = f"images/{image}" if image != name else name.replace(".html", ".rst")
        assert (REPOSITORY / "docs" / source).is_file(), address


def test_one_address(metadata: Message) -> None:
    """Where the project will be published is the same wherever it stands."""
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))
    for name in ("README.rst", "CONTRIBUTING.rst"):
        (address,) = re.findall(r"git clone (\S+)", (REPOSITORY / name).read_text())
        assert address == urls["Source"]


def test_sdist(built: Path) -> None:
    """Distributions run the tests and make the site from it."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files", "yarnkernel", "specs", "docs", "tests", "scripts", "docker", "*.rst"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()
    assert len(tracked) > 400
    assert not {name for name in tracked if (REPOSITORY / name).is_file()} - names


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("github-workflows", ".github/workflows/ci.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("readthedocs", ".readthedocs.yaml"),
    ],
)
def test_ci_files(schema: str, path: str) -> None:
    command = [f"{BIN}/check-jsonschema", "--builtin-schema", f"vendor.{schema}", path]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=60)


def test_workflow_runs_what_is_there() -> None:
    """Its commands are scripts of ours, and its Pythons those of the classifiers."""
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())
    runs = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    scripts = {
        word for run in runs for word in run.split() if word.startswith(("scripts/", "tests/"))
    }
    assert len(scripts) > 5
    assert all((REPOSITORY / script).exists() for script in scripts)
    pythons = workflow["jobs"]["pythons"]["strategy"]["matrix"]["python"]
    text = (REPOSITORY / "pyproject.toml").read_text()
    assert pythons == re.findall(r"Python :: (3\.\d+)", text)


def test_pre_commit() -> None:
    """Its hooks are lines of scripts/check."""
    lines = (REPOSITORY / "scripts/check").read_text().splitlines()
    (repository,) = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    assert {hook["entry"] for hook in repository["hooks"]} <= set(lines)
