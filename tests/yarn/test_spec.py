"""Specifications: those that users copy, and what --environment makes of them."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.conftest import REPOSITORY
from yarnkernel.environment.choice import on_cluster, on_nodes
from yarnkernel.environment.stored import StoredArchive
from yarnkernel.errors import UsageError
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.progress import ignore
from yarnkernel.yarn.launch_spec import complete, load
from yarnkernel.yarn.spec import load_spec
from yarnkernel.yarn.spec_changes import add_environment

if TYPE_CHECKING:
    from pathlib import Path

SPECS = sorted((REPOSITORY / "specs").glob("*.yaml"))
STORED = StoredArchive("hdfs:///user/me/kernel-0123456789abcdef.tar.gz", 1, 1.0, "public")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_specification_can_be_submitted(path: Path) -> None:
    spec = load_spec(path)
    assert "yarnkernel" in spec.tags
    assert spec.acls.enable
    assert spec.max_attempts == 1
    assert len(spec.services) in (0, 1)


def test_gpu_and_label() -> None:
    spec = load_spec(REPOSITORY / "specs/node-label-gpu.yaml")
    assert (spec.node_label, spec.master.resources.gpus) == ("gpu", 1)


@pytest.mark.parametrize("name", ["ipython", "ipython-service", "packaged-environment"])
def test_environment_goes_to_the_kernel(name: str) -> None:
    spec = load_spec(REPOSITORY / f"specs/{name}.yaml")
    part = spec.services["ipython"] if spec.services else spec.master
    script = part.script
    add_environment(spec, on_cluster(STORED))
    file = part.files["environment"]
    assert (file.source, str(file.type), str(file.visibility)) == (STORED.url, "ARCHIVE", "PUBLIC")
    assert part.script == f"source environment/bin/activate\n{script}"
    assert "environment-0123456789abcdef" in spec.tags


def test_environment_of_one_of_several_kernels(tmp_path: Path) -> None:
    service = "{resources: {memory: 1, vcores: 1}, script: a}"
    (path := tmp_path / "two.yaml").write_text(f"services: {{a: {service}, b: {service}}}\n")
    with pytest.raises(
        UsageError, match="such as --memory and --env, need a specification with one service"
    ):
        add_environment(load_spec(path), on_cluster(STORED))


@pytest.mark.parametrize("with_activate", [True, False])
def test_environment_on_nodes_is_activated(tmp_path: Path, with_activate: bool) -> None:  # noqa: FBT001
    prefix = tmp_path / "it's here"
    (prefix / "bin").mkdir(parents=True)
    if with_activate:
        (prefix / "bin/activate").write_text('PATH="$PWD/activated:$PATH"\n')
    script = f"{on_nodes(str(prefix)).activation}\necho $PATH"
    shown = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    first = f"{tmp_path}/activated" if with_activate else f"{prefix}/bin"
    assert shown.startswith(f"{first}:")


def test_more_words_for_several_services(tmp_path: Path) -> None:
    """Asking for more of them refuses nothing, whatever else the options of a kernel do."""
    service = "{script: exit 0, resources: {memory: 1, vcores: 1}}"
    (path := tmp_path / "two.yaml").write_text(f"services: {{a: {service}, b: {service}}}\n")
    options = LaunchOptions(spec=str(path), verbose=True)
    spec = load(options)
    complete(spec, options, pytest.fail, cast("Any", None), scratch=tmp_path, report=ignore)
    assert {one.script for one in spec.services.values()} == {"exit 0"}
    limited = dataclasses.replace(options, idle_timeout=0)
    spec = load(limited)
    with pytest.raises(UsageError, match="one service"):
        complete(spec, limited, pytest.fail, cast("Any", None), scratch=tmp_path, report=ignore)
