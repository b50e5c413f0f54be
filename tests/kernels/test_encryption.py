"""What others hear of a kernel and of its submission, and what that opens."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
import psutil
import pytest
import zmq

from tests.conftest import BIN, own_processes, wait_for
from tests.support.kernels import RECIPE, Kernel, start_kernel, write_spec
from tests.support.recorder import Recorder, needs_recorder
from tests.support.submissions import certificates_in, files_in, keys_in, opens, own_pair, serves
from yarnkernel.connection import PORT_NAMES
from yarnkernel.errors import UsageError
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.messages import message_class
from yarnkernel.jupyter.kernel_manager import choose_encryption
from yarnkernel.store.address import fingerprint_url
from yarnkernel.yarn.application import SEALED_TAG
from yarnkernel.yarn.report import to_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Shell

#: Words that nobody else says, and code that prints them without saying them.
WORDS = f"correct horse {uuid.uuid4().hex}"
CODE = f"print({WORDS[:20]!r} + {WORDS[20:]!r})"


def daemons_ports() -> set[int]:
    """Where the daemons of this session's clusters listen."""
    return {
        connection.laddr.port
        for process in own_processes()
        if process.name() == "java"
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def stored(cluster: dict[str, Any], app_id: str) -> bytes:
    """What the ResourceManager keeps of an application."""
    (file,) = Path(cluster["directory"]).glob(f"**/FSRMStateRoot/**/{app_id}/{app_id}")
    return file.read_bytes()


@needs_recorder
def test_what_a_submission_opens(
    shell: Shell, cluster: dict[str, Any], stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """The key in it opens nothing of the user's, and is good for this one application alone."""
    spec = write_spec(tmp_path, RECIPE)
    other = stop_later(start_kernel(shell, spec)[0])
    with Recorder() as recorder:
        app_id = stop_later(shell.yarnkernel("start", spec).ok().out.strip())
    user = own_pair(shell)
    for found in (recorder.heard(daemons_ports()), stored(cluster, app_id)):
        (key,) = keys_in(found)
        assert key != user[1]
        (certificate,) = certificates_in(found) - {user[0]}
        assert serves(certificate, key, user, app_id)
        assert not serves(certificate, key, user, other)
        for one in (app_id, other):
            status = shell.yarnkernel("status", one, "--json").ok().document
            address = status["details"]["application_master"]
            assert not opens(certificate, key, user[0], address)
            assert opens(*user, user[0], address)


@needs_recorder
def test_sealed(
    stock: Shell, cluster: dict[str, Any], stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """Nothing that can be read opens it, and stock skein's commands work all the same."""
    spec = write_spec(tmp_path, RECIPE)
    variable = ("--env", "FLAVOUR=a b$HOME")
    file = tmp_path / "kernel.json"
    with Recorder() as recorder:
        started = stock.yarnkernel("start", spec, "--encrypt", *variable, "-f", file).ok()
        app_id = stop_later(started.out.strip())
        info = json.loads(file.read_text())
        with Kernel(info) as kernel:
            assert kernel.run(CODE) == f"{WORDS}\n"
            assert kernel.run("import os; print(os.environ['FLAVOUR'])") == "a b$HOME\n"
            told = kernel.run(
                "from yarnkernel import containers; print(containers.about().warning)"
            )
            assert "keys too, although this kernel was started with --encrypt" in told
            subscriber: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
            with subscriber:
                subscriber.linger = 0
                subscriber.subscribe(b"")
                subscriber.connect(f"tcp://{info['ip']}:{info['iopub_port']}")
                time.sleep(0.5)
                assert kernel.run(CODE) == f"{WORDS}\n"
                assert not subscriber.poll(500)
        get = ("skein", "kv", "get", app_id, "--key", "ipython.kernel.info")
        assert json.loads(stock.run(*get).ok().out) == info
        stock.yarnkernel("restart", app_id).ok()
    secrets = (info["key"], info["curve_publickey"], info["curve_secretkey"], WORDS, CODE)
    ports = [info[name] for name in PORT_NAMES]
    assert len(recorder.heard(ports)) > 1000  # so it was heard
    assert [word for word in secrets if recorder.hears(word)] == []
    for found in (recorder.heard(daemons_ports()), stored(cluster, app_id)):
        assert keys_in(found) == set()
        assert [word for word in secrets if word.encode() in found] == []
        assert list(files_in(found)) == [".yarnkernel.sh"]
    assert "FLAVOUR" not in stock.yarnkernel("logs", app_id, "--all").ok().out
    assert "next: yarnkernel console" in started.err


def test_sealed_kernel_that_nobody_has_waited_for(
    shell: Shell, stop_later: Callable[[str], str], tmp_path: Path
) -> None:
    """Whichever command comes first finds out whose its ApplicationMaster is."""
    spec = write_spec(tmp_path, RECIPE)
    app_id = stop_later(shell.yarnkernel("submit", spec, "--encrypt").ok().out)

    def runs() -> bool:
        details = shell.yarnkernel("status", app_id, "--json").ok().document["details"]
        return bool(details["application_master"])

    wait_for(runs, 30, "its ApplicationMaster is there")
    stopped = shell.yarnkernel("stop", app_id).ok()
    assert "does not answer" not in stopped.err
    assert "FINISHED SUCCEEDED" in stopped.err


@needs_recorder
def test_plain(shell: Shell, stop_later: Callable[[str], str]) -> None:
    """As stock clients want it: whoever taps the network hears it, and that is said."""
    with Recorder() as recorder:
        started = shell.yarnkernel("start", "--json").ok()
        stop_later(started.document["id"])
        file = Path(started.document["connection_file"])
        with Kernel(json.loads(file.read_text())) as kernel:
            assert kernel.run(CODE) == f"{WORDS}\n"
    assert recorder.hears(WORDS)
    assert "the connection is not encrypted" in started.err


def test_key_of_somebody_else() -> None:
    """It is not signed with the user's own, whatever its application says of itself."""
    configuration = Configuration({}, "a cluster")
    report = message_class("hadoop.yarn.ApplicationReportProto")(
        originalTrackingUrl=fingerprint_url("00"), applicationTags=[SEALED_TAG], user="mallory"
    )
    assert to_status(report, configuration).fingerprint == ""
    report.user = name_in_cluster(configuration)
    assert to_status(report, configuration).fingerprint == "00"


def test_front_end_that_cannot_encrypt() -> None:
    with pytest.raises(UsageError, match="jupyter_client cannot encrypt; next: pip install"):
        choose_encryption(object(), "required")
    assert choose_encryption(object(), "") == "never"


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (("--via", "skein"), 2, "--encrypt needs the direct way"),
        ((), 1, "it has services (ipython)"),
    ],
)
def test_what_cannot_be_sealed(
    shell: Shell, options: tuple[str, ...], code: int, reason: str, pytestconfig: pytest.Config
) -> None:
    spec = pytestconfig.rootpath / "specs/ipython-service.yaml"
    assert reason in shell.yarnkernel("start", spec, "--encrypt", *options).error(code)


@pytest.mark.parametrize("kernel", ["bash_kernel", "plain"])
def test_other_kernels(
    shell: Shell, stop_later: Callable[[str], str], tmp_path: Path, kernel: str
) -> None:
    """Those that encrypt are found out, and one that does not is not passed off as one."""
    command = {
        "bash_kernel": "python -m bash_kernel -f {connection_file}",
        # ipykernel without the keys.
        "plain": "python -c 'import json, sys; path = sys.argv[1]; info = json.load(open(path)); "
        'json.dump({k: v for k, v in info.items() if "curve" not in k}, open(path, "w")); '
        'from ipykernel import kernelapp; kernelapp.launch_new_instance(["-f", path])\' '
        "{connection_file}",
    }[kernel]
    start = shell.yarnkernel("start", write_spec(tmp_path, f"{RECIPE} -- {command}"), "--encrypt")
    if kernel == "plain":
        assert "it does not encrypt" in start.error(1)
    else:
        app_id = stop_later(start.ok().out.strip())
        with Kernel(shell.yarnkernel("connect", app_id).ok().document) as client:
            assert client.run("echo $((6 * 7))") == "42\n"


@needs_recorder
def test_console(stock: Shell, stop_later: Callable[[str], str], tmp_path: Path) -> None:
    """It speaks encrypted with a kernel that does not encrypt itself."""
    app_id, info = start_kernel(stock, write_spec(tmp_path, RECIPE))
    stop_later(app_id)
    with Recorder() as recorder:
        console = pexpect.spawn(
            str(BIN / "yarnkernel"),
            ["console", app_id],
            env={**stock.environment, "TERM": "dumb"},
            cwd=str(tmp_path),
            encoding="utf-8",
            timeout=60,
        )
        console.expect(r"In \[1\]: ")
        console.sendline(CODE)
        console.expect(WORDS)
        console.sendeof()
        console.close()
    get = ("skein", "kv", "get", app_id, "--key", "yarnkernel.kernel.info.encrypted")
    encrypted = json.loads(stock.run(*get).ok().out)
    ports = [encrypted[name] for name in PORT_NAMES]
    assert len(recorder.heard(ports)) > 1000
    assert not recorder.hears(WORDS, [*ports, *(info[name] for name in PORT_NAMES)])
    with Kernel(info) as kernel:  # its own ports are there as before
        assert kernel.run("6 * 7") == "42"
