"""What can go wrong on the way to a kernel: told truly, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.conftest import REPOSITORY, Shell, finish, own_processes, wait_for
from tests.support.kernels import NEVER, RECIPE, active, wait_until_none_is_active, write_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def publisher(value: bytes) -> str:
    code = (
        "import skein; skein.ApplicationClient.from_current()"
        f".kv['ipython.kernel.info'] = {value!r}"
    )
    return f"cat > publish.py <<'EOF'\n{code}\nEOF\npython publish.py\nexec sleep 600"


@pytest.mark.both_ways
def test_script_that_exits(shell: Shell, tmp_path: Path) -> None:
    begin = "echo loading\necho boom: no such module >&2\nexit 3\n"
    spec = write_spec(tmp_path, begin + NEVER)
    error = shell.yarnkernel("start", spec).error(1)
    assert re.search("ended before its kernel could be used: (FINISHED )?FAILED", error)
    assert re.search("exit ?code:? 3", error, re.IGNORECASE)
    assert "boom: no such module" in error
    assert "next: yarnkernel logs application_" in error


@pytest.mark.both_ways
def test_script_that_never_publishes(shell: Shell, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, NEVER)
    result = shell.yarnkernel("start", spec, "--timeout", "12")
    error = result.error(3)
    assert "after 12 s: it runs, but nothing was published under 'ipython.kernel.info'" in error
    assert "I never publish" in error
    assert "killed" in result.err
    wait_until_none_is_active(shell)


def test_connect_leaves_what_it_did_not_start(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    app_id = stop_later(shell.yarnkernel("submit", write_spec(tmp_path, NEVER)).ok().out)
    shell.yarnkernel("connect", app_id, "--timeout", "5").error(3)
    assert active(shell) == [app_id]


@pytest.mark.way("skein")
def test_useless_connection_info(shell: Shell, tmp_path: Path) -> None:
    """Other values are in test_connection.py."""
    target = tmp_path / "kernel.json"
    spec = write_spec(tmp_path, publisher(b"\xff\xfe"))
    error = shell.yarnkernel("start", spec, "-f", target).error(1)
    assert "is not text in UTF-8" in error
    assert "application_" in error
    assert not target.exists()
    wait_until_none_is_active(shell)


@pytest.mark.way("skein")
def test_ended_application(shell: Shell, tmp_path: Path) -> None:
    app_id = shell.yarnkernel("submit", write_spec(tmp_path, "exit 0")).ok().out.strip()
    error = shell.yarnkernel("connect", app_id).error(1)
    assert f"{app_id} ended before its kernel could be used: FINISHED SUCCEEDED" in error


@pytest.mark.way("auto")
def test_application_that_is_not_skeins(shell: Shell, cluster: dict[str, str]) -> None:
    """One of another type, as the ResourceManager's REST interface makes it."""
    url = f"{cluster['web']}/ws/v1/cluster/apps"
    made = shell.run("curl", "-sS", "--max-time", "20", "-X", "POST", f"{url}/new-application")
    app_id = made.ok().document["application-id"]
    user = psutil.Process().username()
    body = (
        f'{{"application-id": "{app_id}", "application-name": "other", "application-type": '
        '"OTHER", "am-container-spec": {"commands": {"command": '
        '"echo what it says > <LOG_DIR>/stdout; exec sleep 600"}}, '
        '"resource": {"memory": 64, "vCores": 1}}'
    )
    submit = ("-X", "POST", "-H", "Content-Type: application/json", "-d", body)
    answer = shell.run(
        "curl", "-sS", "--max-time", "20", "-w", "%{http_code}", *submit, f"{url}?user.name={user}"
    )
    assert answer.out.endswith("202"), answer
    try:
        error = shell.yarnkernel("connect", app_id).error(1)
        assert f"{app_id} is not an application of skein or yarnkernel" in error
        # Its logs are read all the same, as those of Spark and Dask.
        wait_for(lambda: "what it says" in shell.yarnkernel("logs", app_id).out, 30, "it says it")
    finally:
        stock = shell.using(**shell.yarnkernel("cluster", "env", "--json").ok().document)
        stock.run("yarn", "application", "-kill", app_id).ok()
    wait_until_none_is_active(shell)


@pytest.mark.both_ways
def test_application_of_other_credentials(shell: Shell, private_shell: Shell) -> None:
    """Another user's, or one's own from another machine: told at once, as waiting is no use."""
    app_id = shell.yarnkernel("start").ok().out.strip()
    error = private_shell.yarnkernel("connect", app_id).error(1)
    assert "was not submitted with your skein credentials" in error
    assert "SKEIN_CONFIG" in error
    result = private_shell.yarnkernel("stop", app_id).ok()
    assert "does not answer" in result.err
    assert f"{app_id} KILLED" in result.err


def test_full_queue(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    spec = write_spec(tmp_path, NEVER, queue="small", resources="{memory: 1500 MiB, vcores: 1}")
    first = stop_later(shell.yarnkernel("submit", spec).ok().out)
    wait_for(lambda: "RUNNING" in shell.yarnkernel("status", first).out, 30, "it runs")
    result = shell.yarnkernel("start", spec, "--timeout", "10")
    error = result.error(3)
    assert "ACCEPTED (queue root.small): Application is added to the scheduler" in result.err
    assert "it is still ACCEPTED (queue root.small)" in error
    assert "next: yarnkernel list (who has the queue), or another --queue; " in error
    assert active(shell) == [first]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", ["cluster:", "submitted to queue", "RUNNING on"])
def test_interrupted_start(
    private_shell: Shell, tmp_path: Path, number: signal.Signals, after: str
) -> None:
    interrupt_start(private_shell, tmp_path, number, after)


@pytest.mark.way("skein")
@pytest.mark.parametrize(
    ("number", "after"),
    [
        (signal.SIGINT, "cluster:"),
        (signal.SIGTERM, "submitted to queue"),
        (signal.SIGINT, "RUNNING on"),
    ],
)
def test_interrupted_start_with_a_driver(
    private_shell: Shell, tmp_path: Path, number: signal.Signals, after: str
) -> None:
    """It is told of neither signal: each of them once is enough."""
    interrupt_start(private_shell, tmp_path, number, after)


def interrupt_start(shell: Shell, directory: Path, number: signal.Signals, after: str) -> None:
    process = shell.start("yarnkernel", "start", write_spec(directory, NEVER))
    assert process.stderr
    said = ""
    while after not in said:
        said = process.stderr.readline()
        assert said, "it ended early"
    process.send_signal(number)
    process.send_signal(number)
    _, err = finish(process)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    wait_until_none_is_active(shell)


@pytest.mark.both_ways
@pytest.mark.parametrize("delay", [1.4, 1.6, 1.8, 2.0])
def test_interrupted_submission(
    private_shell: Shell, tmp_path: Path, delay: float, via: str
) -> None:
    """Around the moment that YARN accepts it, which no output tells."""
    process = private_shell.start("yarnkernel", "start", write_spec(tmp_path, NEVER))
    # There is no driver to be started before.
    time.sleep(delay if via == "skein" else delay - 1.2)
    process.send_signal(signal.SIGINT)
    finish(process)
    assert process.returncode == 130
    wait_until_none_is_active(private_shell)


@pytest.mark.way("skein")
def test_driver_killed_while_waiting(private_shell: Shell, tmp_path: Path) -> None:
    """It is of no use any more once it has submitted."""
    go = tmp_path / "go"
    spec = write_spec(tmp_path, f"until [ -e '{go}' ]; do sleep 0.1; done\n{RECIPE}")
    process = private_shell.start("yarnkernel", "start", spec)
    assert process.stderr
    while "RUNNING" not in process.stderr.readline():
        assert process.poll() is None
    (driver,) = [p for p in psutil.Process(process.pid).children() if p.name() == "java"]
    driver.kill()
    go.touch()
    out, err = finish(process)
    assert process.returncode == 0
    assert "trying again" not in err
    private_shell.yarnkernel("stop", out.strip()).ok()


@pytest.fixture(params=["own", "global"])
def driver_of_its_own(
    request: pytest.FixtureRequest, stock: Shell, tmp_path: Path
) -> Iterator[Shell]:
    """A user whose driver may come to grief: one that ends with the command, or a global one."""
    shell = stock.using(SKEIN_CONFIG=str(tmp_path / "skein"))
    if request.param == "global":
        shell.run("skein", "driver", "start").ok()
    yield shell
    if request.param == "global":
        shell.run("skein", "driver", "stop", "--force").ok()


@pytest.mark.way("skein")
def test_deadline_passes_during_the_submission(driver_of_its_own: Shell, tmp_path: Path) -> None:
    """A file to ship that nobody can read to its end in time."""
    shell = driver_of_its_own
    os.mkfifo(tmp_path / "endless")
    spec = write_spec(tmp_path, NEVER)
    spec.write_text(
        spec.read_text() + "  files: {data: {source: endless, size: 9, timestamp: 1}}\n"
    )
    started = shell.yarnkernel("start", spec, "--timeout", "8")
    assert "had not accepted the application after 8 s" in started.error(3)
    wait_until_none_is_active(shell)
    # The direct way would read it itself.
    error = shell.yarnkernel("start", spec, "--via", "direct").error(2)
    assert "endless is not a regular file" in error


def test_deadline_before_anything(shell: Shell) -> None:
    assert "--timeout" in shell.yarnkernel("start", "--timeout", "0.001").error(3)


@pytest.mark.way("skein")
def test_application_master_killed_while_waiting(shell: Shell, tmp_path: Path) -> None:
    process = shell.start("yarnkernel", "start", write_spec(tmp_path, NEVER))
    assert process.stderr
    while "RUNNING" not in process.stderr.readline():
        assert process.poll() is None
    (app_id,) = active(shell)
    masters = [
        p
        for p in own_processes()
        if p.name() == "java"
        and "skein.ApplicationMaster" in " ".join(p.cmdline())
        and app_id in " ".join(p.cmdline())
    ]
    for master in masters:
        master.kill()
    _, err = finish(process)
    assert process.returncode == 1
    assert f"{app_id} ended before its kernel could be used: FAILED" in err
    assert "Exit code is 137" in err
    wait_until_none_is_active(shell)


#: Fails when what a driver file says makes somebody use that driver.
LOOK = """
import sys
from pathlib import Path
import skein
from yarnkernel.cluster.find import find_cluster
from yarnkernel.store.rpc import credentials
from yarnkernel.yarn.skein_driver import _global_driver
for content in sys.argv[1:]:
    Path(skein.core.properties.config_dir, "driver").write_text(content)
    assert _global_driver(find_cluster(), credentials()) is None, content
"""


@pytest.mark.way("skein")
def test_stale_driver_file(stock: Shell, private_shell: Shell, tmp_path: Path) -> None:
    """Left behind by a global driver that was killed: nobody waits for it.

    That the ResourceManager refuses the application tells that there was a driver to ask it.
    """
    shell = private_shell.using(SKEIN_CONFIG=str(tmp_path / "skein"))
    shell.run("skein", "config", "gencerts").ok()
    ended = shell.start("true")
    finish(ended)
    other = stock.start("sleep", "600")  # has the cluster's configuration, as its driver had
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            contents = (
                "{",
                f'{{"address": "127.0.0.1:9", "pid": {ended.pid}}}',
                f'{{"address": "127.0.0.1:9", "pid": {other.pid}}}',
                f'{{"address": "127.0.0.1:{port}", "pid": {other.pid}}}',
            )
            shell.run("python", "-c", LOOK, *contents).ok()
            silent.settimeout(20)
            silent.accept()[0].close()  # it was asked
            submit = ("submit", write_spec(tmp_path, "exit 0"), "--queue", "nowhere")
            assert "nowhere" in shell.yarnkernel(*submit).error(1)
    finally:
        other.kill()
        finish(other)


def test_expired_certificate(private_shell: Shell, shell: Shell, tmp_path: Path) -> None:
    write_expired_credentials(tmp_path)
    expired = private_shell.using(SKEIN_CONFIG=str(tmp_path))
    words = f"your skein certificate in {tmp_path} has expired; next: skein config gencerts --force"
    assert words in expired.yarnkernel("start").error(1)
    wait_until_none_is_active(shell)
    expired.run("skein", "config", "gencerts", "--force").ok()
    expired.yarnkernel("stop", expired.yarnkernel("start").ok().out.strip()).ok()


def write_expired_credentials(directory: Path) -> None:
    """Credentials as skein makes them, of last year (skein 0.8.2, model.py)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "skein-internal")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now - timedelta(days=35))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "skein.crt").write_bytes(certificate.public_bytes(pem))
    (directory / "skein.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_killed_by_somebody_else_while_waiting(shell: Shell, tmp_path: Path) -> None:
    process = shell.start("yarnkernel", "start", write_spec(tmp_path, NEVER))
    assert process.stderr
    while "RUNNING" not in process.stderr.readline():
        assert process.poll() is None
    shell.yarnkernel("stop", "--force", *active(shell)).ok()
    _, err = finish(process)
    assert process.returncode == 1
    assert "ended before its kernel could be used: KILLED" in err


@pytest.mark.way("auto")
def test_closed_output(shell: Shell) -> None:
    """``yarnkernel ... | head`` is nobody's error."""
    result = shell.run("sh", "-c", "yarnkernel list --all | true; yarnkernel list --all | head -1")
    assert result.code == 0
    assert "Traceback" not in result.err


def test_connection_file_becomes_unwritable(shell: Shell, tmp_path: Path) -> None:
    """What was writable at the start and is not at the end: the kernel is not handed over."""
    directory = tmp_path / "soon gone"
    directory.mkdir()
    process = shell.start(
        "yarnkernel", "start", REPOSITORY / "specs/ipython.yaml", "-f", directory / "kernel.json"
    )
    assert process.stderr
    while "submitted" not in process.stderr.readline():
        assert process.poll() is None
    os.rmdir(directory)  # noqa: PTH106
    _, err = finish(process)
    assert process.returncode == 2
    assert "cannot write the connection file" in err
    assert "killed" in err
    wait_until_none_is_active(shell)
