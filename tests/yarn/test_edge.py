"""YARN through an edge node, from a laptop that reaches nothing but the edge node's sshd."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import REPOSITORY, Shell, clean_environment, finish, wait_for
from tests.support.doctored import failing, read
from tests.support.edge import EdgeHost, Laptop, edge_host
from tests.support.small_venv import make_small_venv, pack_small_venv

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Runs cells in the kernel of a connection file, and prints what they show.
RUN = """\
import json, sys
from tests.support.kernels import Kernel
with Kernel(json.load(open(sys.argv[1]))) as kernel:
    for code in sys.argv[2:]:
        print(kernel.run(code), end="", flush=True)
"""
PROVISIONER = """\
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="beyond", startup_timeout=90)
client.execute_interactive("print(6 * 7)", timeout=60)
manager.restart_kernel()
client.wait_for_ready(timeout=60)
client.execute_interactive("print(6 * 8)", timeout=60)
client.stop_channels()
manager.shutdown_kernel()
"""


SETTINGS = """\
import json
from yarnkernel.cluster.edge import find_edge
print(json.dumps(find_edge("edge").configuration.settings))
"""


@pytest.fixture(scope="module")
def edge(user_shell: Shell, cluster: dict[str, Any]) -> Iterator[EdgeHost]:
    known = user_shell.yarnkernel("cluster", "env", "--json").ok().document
    variables = {name: known[name] for name in ("HADOOP_CONF_DIR", "JAVA_HOME")}
    with edge_host() as host:
        host.set_profile(variables, Path(cluster["directory"], "bin"))
        yield host


def new_user(home: Path) -> Shell:
    """A user who shares nothing with the cluster's, not even what is cached."""
    return Shell(clean_environment(home), home).using(XDG_CACHE_HOME=str(home / ".cache"))


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory, edge: EdgeHost) -> Laptop:
    """Its user has a home of his own, and knows of no cluster."""
    home = tmp_path_factory.mktemp("laptop") / "it's a home"
    home.mkdir()
    return Laptop(edge, new_user(home))


@pytest.fixture
def kernel(laptop: Laptop) -> Iterator[str]:
    app_id = laptop.yarnkernel("start", "--host", "edge").ok().out.strip()
    yield app_id
    laptop.yarnkernel("stop", app_id)


def cells(laptop: Laptop, app_id: str, *code: str) -> list[str]:
    """Connect from the laptop and run cells."""
    path = laptop.shell.directory / "kernel.json"
    laptop.yarnkernel("connect", app_id, "--connection-file", path).ok()
    done = laptop.run(sys.executable, "-c", RUN, path, *code, cwd=REPOSITORY).ok()
    return done.out.splitlines()


def known_to_another_laptop(laptop: Laptop, kernel: str, home: Path) -> None:
    """The certificate comes along, as elsewhere; the edge node is named once."""
    (home / ".skein").symlink_to(laptop.shell.directory / ".skein")
    other = Laptop(laptop.edge, new_user(home))
    assert "no cluster" in other.yarnkernel("status", kernel).error(1)
    assert kernel in other.yarnkernel("list", "--host", "edge", "--ids").ok().out.split()
    assert other.yarnkernel("status", kernel, "--json").ok().document["state"] == "RUNNING"


def test_all_commands(laptop: Laptop, cluster: dict[str, Any], tmp_path: Path) -> None:
    """Of the laptop that has started a kernel, and of another one."""
    web = cluster["web"].removeprefix("http://")
    assert laptop.run("curl", "-sS", "-m", "2", f"http://{web}/").code != 0, "it is cut off"
    app_id = laptop.yarnkernel("start", "--host", "edge", "--name", "far").ok().out.strip()
    assert app_id in laptop.yarnkernel("list", "--ids").ok().out.split()
    (row,) = laptop.yarnkernel("list", "--host", "edge", "--json").ok().document
    assert (row["id"], row["name"]) == (app_id, "far")
    assert row["kernel"]["state"] in ("idle", "starting")
    status = laptop.yarnkernel("status", app_id, "--json").ok().document
    assert (status["state"], status["kernel"]["restarts"]) == ("RUNNING", 0)
    code = "import os; x = 42; print(os.environ['SKEIN_APPLICATION_ID'])"
    # What a child process prints may come a moment later, and is lost when its cell is over.
    log = "import time; _ = os.system('echo a line for the log'); time.sleep(1)"
    assert cells(laptop, app_id, code, log) == [app_id, "a line for the log"]
    wait_for(
        lambda: "a line for the log" in laptop.yarnkernel("logs", app_id).ok().out, 10, "its log"
    )
    assert "nothing to interrupt" in laptop.yarnkernel("interrupt", app_id).ok().err
    assert "was restarted in" in laptop.yarnkernel("restart", app_id).ok().err
    assert cells(laptop, app_id, "print('x' in globals())") == ["False"]
    encrypted = laptop.yarnkernel("connect", app_id, "--encrypt").ok().document
    assert encrypted["ip"] == "127.0.0.1"
    assert "curve_publickey" in encrypted
    known_to_another_laptop(laptop, app_id, tmp_path)
    done = laptop.yarnkernel("stop", app_id).ok()
    assert "FINISHED SUCCEEDED" in done.err
    assert app_id not in laptop.yarnkernel("list", "--host", "edge", "--ids").ok().out.split()
    # What was collected is where only the cluster reaches it.
    assert "a line for the log" in laptop.yarnkernel("logs", app_id).ok().out
    forwards = next(Path(laptop.edge.directory).glob("yarnkernel-*/*/forwards.json"))
    assert [one["until"] for one in json.loads(forwards.read_text()) if one["host"]] == []


def test_console(laptop: Laptop, kernel: str) -> None:
    done = laptop.yarnkernel("console", kernel, given="6 * 7\nexit\n", timeout=60)
    assert "42" in done.out, done.err


def test_doctor(laptop: Laptop, kernel: str) -> None:
    """A laptop with ssh alone is in order, and so is a kernel there; a host that is none is not."""
    for about in (("--host", "edge"), (kernel,)):
        result = laptop.yarnkernel("doctor", "--json", *about)
        checks = read(result.document, result.code)
        assert failing(checks) == []
        assert "by --host" in checks["configuration"]["found"]
        assert checks["login"]["state"] == checks["clocks"]["state"] == "ok", checks
    assert checks["kernel's ports"]["state"] == "ok"
    result = laptop.yarnkernel("doctor", "--json", "--host", "nowhere")
    checks = read(result.document, result.code)
    assert failing(checks) == ["configuration"]
    assert "nowhere" in checks["configuration"]["why"]


def test_kernel_that_fails(laptop: Laptop) -> None:
    """The reason comes from logs that only the cluster reaches."""
    command = "sh -c 'echo I cannot >&2; exit 3' {connection_file}"
    failed = laptop.yarnkernel("start", "--host", "edge", "--kernel-cmd", command).error(1)
    assert "exit code 3" in failed
    assert "I cannot" in failed


def line_that_breaks(laptop: Laptop, kernel: str, path: Path) -> None:
    """The same ports lead there again."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "exec /bin/sh" in words and any(str(laptop.edge.directory) in one for one in words):
            process.kill()
    assert laptop.yarnkernel("status", kernel, "--json").ok().document["state"] == "RUNNING"
    done = laptop.run(sys.executable, "-c", RUN, path, "print(6 * 7)", cwd=REPOSITORY).ok()
    assert done.out == "42\n"


def test_line_that_is_down_for_a_while(laptop: Laptop, kernel: str) -> None:
    """What a cell shows is there when it is up again; so it is when the line breaks later."""
    path = laptop.shell.directory / "kernel.json"
    laptop.yarnkernel("connect", kernel, "--connection-file", path).ok()
    code = "import time\nfor i in range(12): print(i, flush=True); time.sleep(1)"
    process = laptop.shell.start(
        *laptop.inside(sys.executable, "-c", RUN, path, code), cwd=REPOSITORY
    )
    time.sleep(3)
    laptop.edge.cut()
    time.sleep(8)
    laptop.edge.plug_in()
    out, err = finish(process, 60)
    assert out.split() == [str(i) for i in range(12)], err
    line_that_breaks(laptop, kernel, path)


def test_provisioner(laptop: Laptop) -> None:
    laptop.yarnkernel("kernelspec", "add", "--name", "beyond", "--host", "edge").ok()
    done = laptop.run(sys.executable, "-c", PROVISIONER, timeout=240).ok()
    assert done.out.split() == ["42", "48"]
    wait_for(lambda: not laptop.yarnkernel("list", "--ids").out.split(), 20, "its end")


def test_end_that_nobody_tells(laptop: Laptop, kernel: str, user_shell: Shell) -> None:
    """Ports lead no longer to where nobody listens any more."""
    path = next(laptop.edge.directory.glob("yarnkernel-*/*/forwards.json"))

    def forwards() -> list[dict[str, Any]]:
        return [one for one in json.loads(path.read_text()) if one["until"] == kernel]

    laptop.yarnkernel("connect", kernel).ok()
    assert [one["greets"] for one in forwards()] == [False] + [True] * 5
    laptop.edge.end_keepers()
    user_shell.yarnkernel("stop", kernel).ok()
    path.write_text(json.dumps([{**one, "seen": 0.0} for one in forwards()]))
    assert kernel not in laptop.yarnkernel("list", "--host", "edge", "--ids").ok().out.split()
    wait_for(lambda: not forwards(), 30, "the end of its ports")


def test_environment(laptop: Laptop, kernel_venv: Path, tmp_path: Path) -> None:
    """Hadoop's own command puts it there, on the edge node."""
    make_small_venv(tmp_path / "small", kernel_venv)
    pack_small_venv(tmp_path / "small", tmp_path / "packed.tar.gz")
    start = ("start", "--host", "edge", "--environment", tmp_path / "packed.tar.gz")
    app_id = laptop.yarnkernel(*start).ok().out.strip()
    try:
        (prefix,) = cells(laptop, app_id, "import sys; print(sys.prefix)")
        assert app_id in prefix
        listed = laptop.yarnkernel("env", "list", "--edge", "edge", "--json").ok().document
        (url,) = [one["url"] for one in listed if one["visibility"] == "private"]
        assert "none of a cluster" not in laptop.yarnkernel("list").ok().err
    finally:
        laptop.yarnkernel("stop", app_id).ok()
    app_id = laptop.yarnkernel("start", "--host", "edge", "--environment", url).ok().out.strip()
    laptop.yarnkernel("stop", app_id).ok()


def test_files_that_site_files_include(laptop: Laptop, tmp_path: Path) -> None:
    """They come along, from wherever they are there, by names of their own."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (tmp_path / "far.xml").write_text(
        "<configuration><property><name>a</name><value>1</value></property></configuration>"
    )
    include = '<include href="{}">{}</include>'
    fallback = "<fallback><property><name>b</name><value>2</value></property></fallback>"
    (conf / "near.xml").write_text(
        f"<configuration>{include.format('../far.xml', '')}</configuration>"
    )
    (conf / "core-site.xml").write_text("<configuration/>")
    (conf / "yarn-site.xml").write_text(
        f"<configuration>{include.format(conf / 'near.xml', '')}"
        f"{include.format('/nothing/there.xml', fallback)}</configuration>"
    )
    profile = laptop.edge.home / ".profile"
    was = profile.read_text()
    other = tmp_path / "other"
    other.mkdir()
    try:
        profile.write_text(f"export HADOOP_CONF_DIR={conf}\n")
        settings = Laptop(laptop.edge, new_user(other)).run(sys.executable, "-c", SETTINGS).ok().out
    finally:
        profile.write_text(was)
    assert json.loads(settings) == {"a": "1", "b": "2"}


def test_upload(laptop: Laptop, tmp_path: Path) -> None:
    """Hadoop's own command does it, on the edge node."""
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(1 << 20))
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "name: upload\nmaster:\n  resources: {memory: 1 GiB, vcores: 1}\n"
        f"  files: {{large.bin: {large}}}\n  script: exec python -m yarnkernel.recipe\n"
    )
    app_id = laptop.yarnkernel("start", spec, "--host", "edge").ok().out.strip()
    try:
        code = "import os; print(os.path.getsize('large.bin'))"
        assert cells(laptop, app_id, code) == [str(1 << 20)]
    finally:
        laptop.yarnkernel("stop", app_id).ok()


def test_what_cannot_be(laptop: Laptop) -> None:
    refused = laptop.yarnkernel("start", "--host", "edge", "--via", "skein").error(2)
    assert "skein's driver needs Java" in refused
    assert "--via direct" in refused
    assert "--jump needs a --host" in laptop.yarnkernel("start", "--jump", "edge").error(2)
    assert "cannot be reached" in laptop.yarnkernel("start", "--host", "nobody.invalid").error(1)
