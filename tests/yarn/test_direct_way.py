"""The direct way: no JVM, skein's commands on it, what is left to skein's driver, and why."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import BIN, REPOSITORY, Shell, wait_for
from tests.support.kernels import RECIPE, Kernel, ended, final_status, start_kernel, write_spec
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.kernels.options import WAY_VARIABLE
from yarnkernel.yarn.direct_way import reason_against
from yarnkernel.yarn.spec import load_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: The environment, the files and the open descriptors of a kernel.
LOOK = """
import os, json
print(json.dumps([dict(os.environ), os.listdir(os.path.dirname(os.environ["HOME"]))]))
"""


@pytest.fixture
def direct(shell: Shell) -> Shell:
    """A user whose applications must not start a JVM: there is neither a java nor a yarn."""
    return shell.using(PATH=f"{BIN}{os.pathsep}/usr/bin:/bin", **{WAY_VARIABLE: "direct"})


@pytest.fixture
def kernel(
    direct: Shell, stop_later: Callable[[str], str], tmp_path: Path
) -> Iterator[tuple[str, Kernel]]:
    app_id, info = start_kernel(direct, write_spec(tmp_path, RECIPE))
    with Kernel(info) as kernel:
        yield stop_later(app_id), kernel


def test_no_jvm(direct: Shell, kernel: tuple[str, Kernel]) -> None:
    app_id, client = kernel
    pid = int(client.run("import os; os.getpid()"))
    supervisor = psutil.Process(pid).parent()
    assert supervisor is not None
    of_container = [supervisor, *supervisor.children(recursive=True)]
    session = os.getsid(pid)
    names = {p.name() for p in psutil.process_iter() if os.getsid(p.pid or pid) == session}
    assert "java" not in names
    assert {p.pid for p in of_container} >= {pid}
    # The container's first process became the script, and that the recipe.
    assert os.getsid(supervisor.pid) in (supervisor.pid, supervisor.parent().pid)  # type: ignore[union-attr]
    assert "web page            -\n" in direct.yarnkernel("status", app_id).ok().out
    kernel_sees_no_credentials(client)


def kernel_sees_no_credentials(client: Kernel) -> None:
    environment, files = json.loads(client.run(LOOK))
    assert "HADOOP_TOKEN_FILE_LOCATION" not in environment
    assert not [name for name in files if "token" in name and not name.endswith(".crc")]
    assert not [name for name in files if "skein" in name]
    assert environment["SKEIN_RESOURCE_MEMORY"] == "512"


def test_commands_of_skein(stock: Shell, kernel: tuple[str, Kernel]) -> None:
    app_id, _ = kernel
    assert stock.run("skein", "kv", "ls", app_id).ok().out.split() == [
        "ipython.kernel.info",
        "yarnkernel.status",
    ]
    stock.run("skein", "kv", "put", app_id, "--key", "a", "--value", "b").ok()
    assert stock.run("skein", "kv", "get", app_id, "--key", "a").ok().out == "b\n"
    stock.run("skein", "kv", "del", app_id, "--key", "a").ok()
    assert "not set" in failure(stock, "skein", "kv", "get", app_id, "--key", "a")
    assert "RUNNING" in stock.run("skein", "application", "status", app_id).ok().out
    specification = stock.run("skein", "application", "specification", app_id).ok().out
    assert RECIPE in specification
    assert "security" not in specification
    assert stock.run("skein", "container", "ls", app_id).ok().out.split()[0] == "SERVICE"
    scale = ("skein", "container", "scale", app_id, "--service", "x", "--number", "2")
    assert "without services" in failure(stock, *scale)
    shutdown = ("skein", "application", "shutdown", app_id)
    stock.run(*shutdown, "--status", "FAILED", "--diagnostics", "the first word").ok()
    assert final_status(stock, app_id) == "FAILED"
    status = stock.yarnkernel("status", app_id, "--json").ok().document
    assert status["reason"] == "the first word"


def failure(shell: Shell, *command: str) -> str:
    """What a command of skein's says when it fails."""
    ended = shell.run(*command)
    assert ended.code == 1
    return ended.err


def test_kill_of_skein(stock: Shell, kernel: tuple[str, Kernel]) -> None:
    app_id, client = kernel
    supervisor = psutil.Process(int(client.run("import os; os.getppid()")))
    stock.run("skein", "application", "kill", app_id).ok()
    wait_for(lambda: not supervisor.is_running(), 20, "the container is gone")
    assert "KILLED" in stock.yarnkernel("status", app_id).ok().out


def test_files(
    direct: Shell, shell: Shell, stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """Small ones travel, large ones are uploaded once, those on the cluster stay where they are."""
    (tmp_path / "small $HOME.txt").write_text("a few {{words}} `id`")
    (tmp_path / "large%20{a}[1].bin").write_bytes(os.urandom(300_000))
    (tmp_path / "inside").write_text("packed")
    direct.run("tar", "-czf", tmp_path / "archive.tar.gz", "-C", tmp_path, "inside").ok()
    (tmp_path / "runs").write_text("#!/bin/sh\necho it runs\n")
    (tmp_path / "runs").chmod(0o755)
    files = {
        "runs": "runs",
        "small": "small $HOME.txt",
        "large": "large%20{a}[1].bin",
        "archive": {"source": "archive.tar.gz", "type": "archive"},
    }
    spec = write_spec(tmp_path, f"cat small\n./runs\n{RECIPE}")
    lines = spec.read_text().replace("  script:", f"  files: {json.dumps(files)}\n  script:")
    spec.write_text(lines)
    for _ in range(2):  # the second time nothing is uploaded
        uploads = shell.using(**{WAY_VARIABLE: "direct"})
        app_id, info = start_kernel(uploads, spec)
        with Kernel(info) as kernel:
            code = "open('small').read() + open('archive/inside').read()"
            assert kernel.run(code) == "'a few {{words}} `id`packed'"
            assert kernel.run("import os; os.stat('large').st_size") == "300000"
            assert kernel.run("oct(os.stat('small').st_mode & 0o777)") == "'0o600'"
        stop_later(app_id)
        assert "it runs" in direct.yarnkernel("logs", app_id).ok().out
        home = direct.directory / ".local/state/yarnkernel/clusters/default/data/fs/user"
        staged = [
            path.name.rpartition("-")[2] for path in home.glob("*/.yarnkernel/files/[0-9a-f]*")
        ]
        # The recipe may be there, too, from other tests.
        assert sorted({*staged} - {"recipe.zip"}) == ["archive.tar.gz", "large_20_a__1_.bin"]
        assert len(staged) == len({*staged})


def test_lines_that_look_like_files(
    direct: Shell, stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """What a user says cannot pass for what travels."""
    spec = write_spec(tmp_path, RECIPE)
    lines = "x\n=yarnkernel-files-0123456789abcdef=\nH4sIAAAAAAAA\n=yarnkernel-end=\n"
    start = ("start", spec, "--env", f"LINES_={lines}", "--name", "=yarnkernel-files=")
    app_id = stop_later(direct.yarnkernel(*start).ok().out)
    with Kernel(direct.yarnkernel("connect", app_id).ok().document) as kernel:
        assert kernel.run("import os; os.environ['LINES_']") == repr(lines)


def test_file_that_is_ours(direct: Shell, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, RECIPE)
    (tmp_path / "mine").touch()
    files = spec.read_text().replace("  script:", "  files: {.yarnkernel.sh: mine}\n  script:")
    spec.write_text(files)
    assert "has a file of its own of this name" in direct.yarnkernel("start", spec).error(2)


def test_no_place_for_own_credentials(direct: Shell, tmp_path: Path) -> None:
    nowhere = direct.using(XDG_STATE_HOME="/proc/nothing")
    start = ("start", write_spec(tmp_path, RECIPE), "--own-credentials")
    error = nowhere.yarnkernel(*start).error(2)
    assert "no credentials can be kept in /proc/nothing" in error


def test_own_credentials(
    direct: Shell, stock: Shell, stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    spec = write_spec(tmp_path, RECIPE)
    app_id = stop_later(direct.yarnkernel("start", spec, "--own-credentials").ok().out.strip())
    direct.yarnkernel("restart", app_id).ok()
    get = ("skein", "kv", "get", app_id, "--key", "yarnkernel.status")
    assert "Unable to connect" in failure(stock, *get)
    own = direct.directory / ".local/state/yarnkernel/credentials" / app_id
    assert own.stat().st_mode & 0o777 == 0o700
    assert "idle" in stock.using(SKEIN_CONFIG=str(own)).run(*get).ok().out
    stock.yarnkernel("stop", app_id).ok()


def test_lifetime(direct: Shell, stop_later: Callable[[str], str], tmp_path: Path) -> None:
    spec = write_spec(tmp_path, RECIPE)
    app_id = stop_later(
        direct.yarnkernel("submit", spec, "--lifetime", "4", "--priority", "1").ok().out.strip()
    )
    outcome = wait_for(lambda: ended(direct, app_id), 30, "YARN has ended it")
    assert outcome["state"] == "KILLED"
    assert "exceeded the lifetime" in outcome["reason"]


def test_what_yarn_is_told(
    direct: Shell, cluster: dict[str, Any], stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """Queue, name, tags, resources and lists of who may do what, as the specification has them."""
    spec = write_spec(tmp_path, RECIPE, queue="small", tags="[blue, green]")
    spec.write_text(spec.read_text().replace("{enable: true}", "{enable: true, view_users: [ann]}"))
    options = ("--memory", "300 MiB", "--name", "a name")
    app_id = stop_later(direct.yarnkernel("submit", spec, *options).ok().out.strip())
    url = f"{cluster['web']}/ws/v1/cluster/apps/{app_id}"
    with urllib.request.urlopen(url, timeout=20) as response:  # noqa: S310
        app = json.load(response)["app"]
    assert app["name"] == "a name"
    assert app["queue"].endswith("small")
    assert {"blue", "green", "yarnkernel"} <= set(app["applicationTags"].split(","))
    assert app["applicationType"] == "skein"
    wait_for(lambda: "RUNNING" in direct.yarnkernel("status", app_id).ok().out, 30, "it runs")
    status = direct.yarnkernel("status", app_id, "--json").ok().document
    assert status["resources"]["vcores"] == 1
    assert status["resources"]["memory"] >> 20 in range(600, 700)


REASONS = {
    "services: {a: {script: b, resources: {memory: 1 GiB, vcores: 1}}}": "it has services (a)",
    "max_attempts: 2": "max_attempts is 2",
    "user: ann": "it names the user that it runs as, ann",
}


@pytest.mark.parametrize(("line", "reason"), REASONS.items())
def test_what_is_left_to_skein(line: str, reason: str, direct: Shell, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, RECIPE)
    spec.write_text(f"{spec.read_text()}{line}\n")
    assert reason in reason_against(load_spec(spec), Configuration({}, ""))
    assert f"without skein's driver: {reason}" in direct.yarnkernel("submit", spec).error(1)


def test_scripts_and_clusters_that_are_left_to_skein(tmp_path: Path) -> None:
    other = load_spec(write_spec(tmp_path, "exec python -m skein.recipes.ipython_kernel"))
    assert "does not run yarnkernel.recipe" in reason_against(other, Configuration({}, ""))
    spec = load_spec(REPOSITORY / "specs" / "ipython.yaml")
    assert reason_against(spec, Configuration({}, "")) == ""
    scram = Configuration({"hadoop.security.sasl.mechanism": "SCRAM-SHA-256"}, "")
    assert "SCRAM-SHA-256" in reason_against(spec, scram)


def test_auto_says_why(shell: Shell, stop_later: Callable[[str], str], tmp_path: Path) -> None:
    auto = shell.using(**{WAY_VARIABLE: "auto"})
    spec = write_spec(tmp_path, RECIPE)
    submitted = auto.yarnkernel("submit", spec, "-v").ok()
    stop_later(submitted.out)
    assert "submitted the direct way" in submitted.err
    spec.write_text(f"{spec.read_text()}max_attempts: 2\n")
    submitted = auto.yarnkernel("submit", spec, "-v").ok()
    stop_later(submitted.out)
    assert "submitting the skein way: max_attempts is 2" in submitted.err
    assert "max_attempts is 2" in auto.yarnkernel("submit", spec, "--priority", "1").error(1)
    refused = auto.yarnkernel("submit", spec, "--via", "skein", "--priority", "1").error(2)
    assert "--priority=1 needs the direct way" in refused


def test_python_without_grpc(
    shell: Shell, stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """Said as an error, or left to skein's ApplicationMaster, where the script knows what to do."""
    broken = (
        'if [ -z "$SKEIN_APPMASTER_ADDRESS" ]; then\n'
        "mkdir broken; echo 'raise ImportError(name=\"grpc\")' >broken/grpc.py\n"
        f'export PYTHONPATH="$PWD/broken"; fi\n{RECIPE.removeprefix("exec ")}\n'
        'code=$?; echo "the script goes on"; exit $code'
    )
    spec = write_spec(tmp_path, broken)
    error = shell.yarnkernel("start", spec, "--via", "direct").error(1)
    assert "cannot import grpc; next: pip install yarnkernel" in error
    started = shell.yarnkernel("start", spec, "--via", "auto", "-v").ok()
    stop_later(started.out)
    assert "submitting the skein way: application_" in started.err
    assert "cannot import grpc" in started.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--priority", "3000000000"),
        ("--priority", "-1"),
        ("--lifetime", "1e20"),
        ("--name", "\udcff"),
    ],
)
def test_what_yarn_cannot_be_told(direct: Shell, option: str, value: str) -> None:
    commands: list[tuple[str, ...]] = [("start",)]
    if option != "--name":
        commands.append(("kernelspec", "add", "--name", "never"))
    for command in commands:
        result = direct.yarnkernel(*command, option, value)
        assert (result.code, len(result.err.splitlines())) == (2, 1), result.err


def test_unknown_way(shell: Shell) -> None:
    assert (
        "'air' is not one of auto, direct, skein" in shell.yarnkernel("start", "--via", "air").err
    )
    error = shell.using(**{WAY_VARIABLE: "air"}).yarnkernel("start").error(2)
    assert "'air' is no way to submit an application; there are auto, direct, skein" in error
