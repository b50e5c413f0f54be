"""The provisioner under jupyter_client's own kernel manager, on a real cluster."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import zmq
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

from tests.conftest import wait_for
from tests.support.kernels import Kernel, final_status
from tests.support.recorder import Recorder, needs_recorder
from tests.support.submissions import files_in, keys_in
from yarnkernel.hadoop.site_files import load_configuration
from yarnkernel.jupyter import agent_client, provisioner
from yarnkernel.jupyter.agent_client import AgentClient
from yarnkernel.jupyter.kernel_manager import KernelLaunchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Shell

#: A kernelspec with all that a user may say.
RICH = "provisioner-rich"


@pytest.fixture(scope="module")
def kernelspecs(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Kernelspecs of a prefix; this process is the front end of a user with a running cluster."""
    prefix = tmp_path_factory.mktemp("kernelspecs")
    add = ("kernelspec", "add", "--prefix", prefix)
    shell.yarnkernel(*add, "--name", "provisioner").ok()
    shell.yarnkernel(*add, "--name", RICH, "--env", "FRUIT=apple").ok()
    kernel_json = prefix / "share/jupyter/kernels" / RICH / "kernel.json"
    content = json.loads(kernel_json.read_text())
    content["env"] = {"VEGETABLE": "${HOME}/carrot"}
    content["metadata"]["kernel_provisioner"]["config"]["allowed_envs"] = ["ALLOWED"]
    kernel_json.write_text(json.dumps(content))
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - shell.environment.keys():
            patch.delenv(name)
        for name, value in shell.environment.items():
            patch.setenv(name, value)
        patch.setenv("JUPYTER_PATH", str(prefix / "share/jupyter"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(prefix))
        patch.setattr(AgentClient, "_shared", None)
        yield prefix / "share/jupyter/kernels"
        if AgentClient._shared is not None:
            AgentClient._shared.close(30)


@pytest.fixture
def managers(kernelspecs: Path) -> Iterator[Callable[..., KernelManager]]:
    """Makes kernel managers, whose kernels are shut down at the end."""
    assert kernelspecs.exists()
    made: list[KernelManager] = []

    def make(kernel_name: str = "provisioner", **traits: Any) -> KernelManager:
        made.append(KernelManager(kernel_name=kernel_name, **traits))
        return made[-1]

    yield make
    for manager in made:
        if manager.provisioner is not None:
            manager.shutdown_kernel(now=True)
        if not manager.context.closed:
            manager.context.destroy(linger=0)


def application(manager: KernelManager) -> str:
    return str(cast("Any", manager.provisioner)._kernel)


def connect(manager: KernelManager) -> Kernel:
    return Kernel(cast("Any", manager.get_connection_info()))


@pytest.mark.both_ways
def test_restart_in_place_and_shutdown(
    shell: Shell, managers: Callable[..., KernelManager]
) -> None:
    manager = managers()
    manager.start_kernel()
    info, app_id = manager.get_connection_info(), application(manager)
    with connect(manager) as kernel:
        kernel.run("x = 1")
        pid = kernel.run("import os; os.getpid()")
        for now in (False, True):
            manager.restart_kernel(now=now)
            kernel.wait()  # the same client
            assert "NameError" in kernel.run("print('x' in dir() or NameError)")
            before, pid = pid, kernel.run("import os; os.getpid()")
            assert pid != before
            assert manager.is_alive()
    assert manager.get_connection_info() == info
    assert application(manager) == app_id
    manager.shutdown_kernel()
    # The end is over when the call is.
    status = shell.yarnkernel("status", app_id, "--json").ok().document
    assert (status["state"], status["final_status"]) == ("FINISHED", "SUCCEEDED")
    assert not manager.has_kernel


def test_kernel_that_is_killed_says_so_in_its_cell(
    managers: Callable[..., KernelManager],
) -> None:
    manager = managers()
    manager.start_kernel()
    app_id = application(manager)
    with connect(manager) as kernel:
        pid = int(kernel.run("import os; print(os.getpid())"))
        # Names that start-up files may set as well are the user's.
        path = Path(kernel.run("import os; print(os.environ['IPYTHONDIR'])").strip())
        startup = path / "profile_default/startup/mine.py"
        startup.write_text("_header = json = text = get_ipython = 'mine'")
        request = kernel.client.execute("print('begun', flush=True); import time; time.sleep(60)")
        said: list[str] = []

        def hear() -> str:
            message = kernel.client.get_iopub_msg(timeout=10)
            if message["parent_header"].get("msg_id") == request:
                said.append(message["content"].get("text", ""))
            return "".join(said)

        wait_for(lambda: "begun" in hear(), 10, "the cell runs")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: "was ended by signal 9 (SIGKILL)" in hear(), 20, "the cell says so")
        # What jupyter_client's restarter does, which looks every three seconds.
        wait_for(lambda: not manager.is_alive(), 10, "the kernel is known to have died")
        manager.restart_kernel(now=True)
        assert manager.is_alive()
        kernel.wait()
        assert int(kernel.run("import os; print(os.getpid())")) != pid
        assert kernel.run("print(_header, json, text)") == "mine mine mine\n"
        assert kernel.run("'arguments' in globals()") == "False"
    assert application(manager) == app_id


@pytest.mark.both_ways
def test_container_that_is_gone(shell: Shell, managers: Callable[..., KernelManager]) -> None:
    """Another application, with the key that open connections know."""
    manager = managers()
    manager.start_kernel()
    app_id, key = application(manager), manager.session.key
    shell.yarnkernel("stop", "--force", app_id).ok()
    wait_for(lambda: not manager.is_alive(), 15, "its end is known")
    # Unasked, an application that was killed is not submitted again.
    manager.restart_kernel(now=True)
    assert not manager.is_alive()
    assert application(manager) == app_id
    manager.restart_kernel()
    assert manager.is_alive()
    assert application(manager) != app_id
    assert manager.session.key == key
    with connect(manager) as kernel:
        assert kernel.run("6 * 7") == "42"


@pytest.mark.both_ways
def test_what_travels(shell: Shell, managers: Callable[..., KernelManager], tmp_path: Path) -> None:
    manager = managers(RICH)
    (tmp_path / "beside.py").touch()
    manager.start_kernel(
        env={
            "SECRET_TOKEN": "no",
            "ALLOWED": "yes",
            "HOME": "/nowhere",
            "KERNEL_USERNAME": "ada",
            "KERNEL_YARN_MEMORY": "640 MiB",
            "JPY_SESSION_NAME": "/work/my analysis.ipynb",
        },
        cwd=str(tmp_path),
        extra_arguments=["--Session.username=an argument"],
    )
    with connect(manager) as kernel:
        found = json.loads(kernel.run("import json, os; print(json.dumps(dict(os.environ)))"))
        assert kernel.run("print(get_ipython().kernel.session.username)") == "an argument\n"
        assert kernel.run("print(os.getcwd())") == f"{tmp_path}\n"
    # The node has the front end's directory: JupyterLab opens what a traceback names.
    assert manager.resolve_path("beside.py") == str(tmp_path / "beside.py")
    assert not any(map(manager.resolve_path, ("none.py", "../", "/etc/hosts", "~")))
    assert "SECRET_TOKEN" not in found
    assert found["ALLOWED"] == "yes"
    assert found["KERNEL_USERNAME"] == "ada"
    assert "KERNEL_YARN_MEMORY" not in found
    assert (found["FRUIT"], found["VEGETABLE"]) == ("apple", "/nowhere/carrot")
    (listed,) = [
        one
        for one in shell.yarnkernel("list", "--json").ok().document
        if one["id"] == application(manager)
    ]
    assert listed["name"] == "my analysis.ipynb"
    assert listed["resources"]["memory"] >= (640 + 300) << 20
    # The key is in nobody's command line, and in no variable that YARN writes into its logs.
    key = manager.session.key.decode()
    assert key not in found.get("YARNKERNEL_RECIPE_OPTIONS", "")
    logs = shell.yarnkernel("logs", application(manager), "--all").ok().out
    assert "SKEIN_APPLICATION_ID" in logs  # so they are those logs
    assert key not in logs
    # Nor are the user's own.
    assert not [name for name in ("FRUIT", "ALLOWED", "KERNEL_USERNAME") if name in logs]


def test_directory_that_the_node_lacks(managers: Callable[..., KernelManager]) -> None:
    manager = managers()
    manager.start_kernel(cwd="/no/such/directory")
    with connect(manager) as kernel:
        assert "container_" in kernel.run("import os; os.getcwd()")
    assert manager.resolve_path(".") is None


def test_encrypted(shell: Shell, managers: Callable[..., KernelManager]) -> None:
    manager = managers(transport_encryption="required")
    manager.start_kernel()
    info = cast("Any", manager.get_connection_info())
    assert info["curve_publickey"]
    with connect(manager) as kernel:
        assert kernel.run("6 * 7") == "42"
        manager.restart_kernel()
        kernel.wait()
        assert kernel.run("6 * 7") == "42"
    assert manager.get_connection_info() == info
    without = {name: value for name, value in info.items() if not name.startswith("curve")}
    assert answers(info)
    assert not answers(without)
    # Nobody is to have a file without the keys of who encrypts.
    assert "curve_publickey" in shell.yarnkernel("connect", application(manager)).ok().document


@needs_recorder
@pytest.mark.way("auto")
def test_required_travels_without_keys(
    stock: Shell, managers: Callable[..., KernelManager]
) -> None:
    """Who hears the submission hears nothing that opens the kernel, nor what is said with it."""
    manager = managers(transport_encryption="required")
    with Recorder() as recorder:
        manager.start_kernel()
        with connect(manager) as kernel:
            assert kernel.run("print('correct ' + 'horse battery')") == "correct horse battery\n"
    info = cast("Any", manager.get_connection_info())
    keys = (info["key"].decode(), info["curve_publickey"], info["curve_secretkey"])
    assert [word for word in (*keys, "correct horse battery") if recorder.hears(word)] == []
    configuration = load_configuration(Path(stock.environment["HADOOP_CONF_DIR"]))
    (_, port) = configuration.get("yarn.resourcemanager.address").split(":")
    heard = recorder.heard([int(port)])
    assert keys_in(heard) == set()
    assert list(files_in(heard)) == [".yarnkernel.sh"]


def test_kernel_that_does_not_encrypt(
    shell: Shell, kernelspecs: Path, managers: Callable[..., KernelManager]
) -> None:
    """Its supervisor encrypts for it."""
    command = "python -m bash_kernel -f {connection_file}"
    prefix = kernelspecs.parents[2]
    add = ("kernelspec", "add", "--prefix", prefix, "--name", "bash", "--kernel-cmd", command)
    shell.yarnkernel(*add, "--language", "bash", "--replace").ok()
    manager = managers("bash")
    manager.start_kernel()
    info = cast("Any", manager.get_connection_info())
    with connect(manager) as kernel:
        assert kernel.run("echo $((6 * 7))") == "42\n"
        manager.restart_kernel()
        kernel.wait()
        assert kernel.run("echo $((6 * 7))") == "42\n"
        without = {name: value for name, value in info.items() if not name.startswith("curve")}
        assert answers(info)
        assert not answers(without)


def test_stock_client_of_a_kernel_that_encrypts(
    shell: Shell, managers: Callable[..., KernelManager], tmp_path: Path
) -> None:
    """`connect` gives it a file that it can use, unless nobody is to have one: test_encrypted."""
    manager = managers()
    manager.start_kernel()
    with connect(manager) as kernel:
        kernel.run("x = 42")
        connected = shell.yarnkernel("connect", application(manager), "-f", tmp_path / "plain.json")
        assert "the connection is not encrypted" in connected.ok().err
        (tmp_path / "show.py").write_text("print(x)\n")
        run = ("jupyter", "run", "--existing", tmp_path / "plain.json", tmp_path / "show.py")
        assert shell.run(*run).ok().out == "42\n"
        encrypted = shell.yarnkernel("connect", "--encrypt", application(manager)).ok().document
        own = cast("Any", manager.get_connection_info())
        names = ("ip", "shell_port", "iopub_port", "curve_publickey")
        assert [encrypted[name] for name in names] == [own[name] for name in names]


def test_not_encrypted(
    shell: Shell, kernelspecs: Path, managers: Callable[..., KernelManager]
) -> None:
    prefix = kernelspecs.parents[2]
    add = ("kernelspec", "add", "--prefix", prefix, "--name", "plain", "--no-encrypt", "--replace")
    shell.yarnkernel(*add).ok()
    manager = managers("plain")
    manager.start_kernel()
    info = cast("Any", manager.get_connection_info())
    assert "curve_publickey" not in info
    assert answers(info)


def answers(info: dict[str, Any]) -> bool:
    """Whether a kernel answers a client that knows this of it."""
    session = Session(key=info["key"], signature_scheme=info["signature_scheme"])
    with zmq.Context() as context, context.socket(zmq.DEALER) as shell:
        shell.linger = 0
        shell.sndtimeo = 5000
        if "curve_publickey" in info:
            shell.curve_serverkey = shell.curve_publickey = info["curve_publickey"].encode()
            shell.curve_secretkey = info["curve_secretkey"].encode()
        shell.connect(f"tcp://{info['ip']}:{info['shell_port']}")
        try:
            session.send(shell, "kernel_info_request", {})
        except zmq.Again:
            return False
        return bool(shell.poll(5000))


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("KERNEL_YARN_MEMROY", "1 GiB", "KERNEL_YARN_MEMROY is no setting"),
        ("KERNEL_YARN_VCORES", "many", "'many' is not a whole number"),
        ("KERNEL_YARN_MEMORY", "lots", "--memory 'lots'"),
        ("KERNEL_YARN_QUEUE", "nowhere", "there is no queue 'nowhere'; queues of this cluster"),
        ("KERNEL_YARN_ENVIRONMENT", "/no/such/prefix", "there is no environment /no/such/prefix"),
    ],
)
def test_setting_that_cannot_be_used(
    managers: Callable[..., KernelManager], variable: str, value: str, message: str
) -> None:
    with pytest.raises(KernelLaunchError, match=message):
        managers().start_kernel(env={variable: value})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"colour": "red"}, "there is no option 'colour'; there are interface, "),
        ({"memory": 3}, "the option 'memory' has to be text, not 3"),
        ({"vcores": "two"}, "the option 'vcores' has to be a whole number"),
        (
            {"allowed_envs": "PATH"},
            "the option 'allowed_envs' has to be a list of texts, not 'PATH'",
        ),
        ({"spec": "gone.yaml"}, "its specification gone.yaml is gone"),
    ],
)
def test_kernelspec_that_cannot_be_used(
    kernelspecs: Path,
    managers: Callable[..., KernelManager],
    config: dict[str, Any],
    message: str,
) -> None:
    manager = managers()
    spec = manager.kernel_spec
    assert spec is not None
    spec.metadata["kernel_provisioner"]["config"].update(config)
    with pytest.raises(KernelLaunchError, match=message) as caught:
        manager.start_kernel()
    assert str(kernelspecs / "provisioner") in str(caught.value)
    assert "next: yarnkernel kernelspec show provisioner" in str(caught.value)


def test_kernel_that_cannot_start(managers: Callable[..., KernelManager], shell: Shell) -> None:
    """The front end's user reads the kernel's own last words."""
    before = {one["id"] for one in shell.yarnkernel("list", "--json").ok().document}
    with pytest.raises(KernelLaunchError) as caught:
        managers().start_kernel(extra_arguments=["--IPKernelApp.kernel_class=no.such.Kernel"])
    assert "'no.such.Kernel' could not be imported" in str(caught.value)
    assert "next: yarnkernel logs application_" in str(caught.value)
    after = {one["id"] for one in shell.yarnkernel("list", "--json").ok().document}
    assert after <= before


def test_kernel_that_crashes_again_and_again(
    managers: Callable[..., KernelManager], shell: Shell
) -> None:
    """The supervisor gives up, and so does the provisioner: one application in all."""
    manager = managers()
    manager.start_kernel()
    app_id = application(manager)
    with connect(manager) as kernel:
        for _ in range(6):
            kernel.client.execute("import os; os._exit(3)")
            wait_for(lambda: not manager.is_alive(), 20, "its end is known")
            manager.restart_kernel(now=True)
            if not manager.is_alive():
                break
            kernel.wait()
    assert not manager.is_alive()
    assert application(manager) == app_id
    assert final_status(shell, app_id) == "FAILED"
    manager.shutdown_kernel(now=True)


def test_agent_that_is_killed(managers: Callable[..., KernelManager], shell: Shell) -> None:
    """Kernels go on, and what happens to them is known again."""
    manager = managers()
    manager.start_kernel()
    agent = AgentClient.shared()
    agent._process.kill()
    wait_for(lambda: agent.ended, 10, "its end is known")
    assert manager.is_alive()
    with connect(manager) as kernel:
        pid = int(kernel.run("import os; print(os.getpid())"))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not manager.is_alive(), 20, "the kernel is known to have died")
        manager.restart_kernel(now=True)
        kernel.wait()
    app_id = application(manager)
    manager.shutdown_kernel()
    assert final_status(shell, app_id) == "SUCCEEDED"


def test_agent_that_hangs(
    managers: Callable[..., KernelManager], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed, and another one ends the kernel, and starts the next."""
    manager = managers()
    manager.start_kernel()
    app_id = application(manager)
    monkeypatch.setattr(agent_client, "SLACK", 1.0)
    monkeypatch.setattr(provisioner, "END_TIMEOUT", 15.0)
    hung = AgentClient.shared()._process
    os.kill(hung.pid, signal.SIGSTOP)
    begin = time.monotonic()
    manager.shutdown_kernel(now=True)
    assert time.monotonic() - begin < 40
    assert hung.wait(10) == -signal.SIGKILL
    assert shell.yarnkernel("status", app_id, "--json").ok().document["state"] == "KILLED"
    manager = managers()
    manager.start_kernel()
    with connect(manager) as kernel:
        assert kernel.run("6 * 7") == "42"


def test_odd_status_of_one_kernel(managers: Callable[..., KernelManager], shell: Shell) -> None:
    """Put by somebody with the user's credentials, such as a cell: no other kernel is harmed."""
    odd, other = managers(), managers()
    odd.start_kernel()
    other.start_kernel()
    agent = AgentClient.shared()
    status = {"state": "ended", "host": "\x1b[31m", "last_end": None, "exit_code": 1}
    put = ("skein", "kv", "put", application(odd), "--key", "yarnkernel.status", "--value")
    shell.run(*put, json.dumps(status)).ok()
    shell.run(*put, "no status").ok()
    listed = shell.yarnkernel("list", "--json").ok().document
    assert {application(odd), application(other)} <= {one["id"] for one in listed}
    shell.yarnkernel("status", application(odd)).ok()
    with connect(other) as kernel:
        pid = int(kernel.run("import os; print(os.getpid())"))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not other.is_alive(), 20, "what happens to the other one is told")
    other.shutdown_kernel(now=True)
    odd.shutdown_kernel(now=True)
    assert not agent.ended


def test_interrupt(managers: Callable[..., KernelManager]) -> None:
    """By message as ipykernel's kernelspec says, and by the signal that others want."""
    manager = managers()
    manager.start_kernel()
    assert manager.kernel_spec is not None
    with connect(manager) as kernel:
        for mode in ("message", "signal"):
            manager.kernel_spec.interrupt_mode = mode
            code = "import time; print('now', flush=True); time.sleep(60)"
            request = kernel.client.execute(code)
            # Not before this cell runs: ipykernel, which is busy before, may lose a signal then.
            kernel.next_message("stream", request)
            begin = time.monotonic()
            manager.interrupt_kernel()
            reply = kernel.client.get_shell_msg(timeout=20)
            assert reply["content"]["ename"] == "KeyboardInterrupt", mode
            assert time.monotonic() - begin < 15
            # ipykernel drops cells that come while it drops those queued before.
            kernel.wait()
            assert kernel.run("6 * 7") == "42"


def test_relaunch_after_the_end_is_refused(managers: Callable[..., KernelManager]) -> None:
    """jupyter_client's restarter may take a kernel that is being shut down for a dead one."""
    manager = managers()
    manager.start_kernel()
    manager.shutdown_kernel(now=True)
    provisioner = cast("Any", manager.provisioner)
    manager.cleanup_resources(restart=True)  # the restarter's side of the race
    with pytest.raises(KernelLaunchError, match="has been shut down"):
        manager.start_kernel()
    assert provisioner._kernel == ""


class Debugger:
    """JupyterLab's side of the Debug Adapter Protocol, over the control channel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.count = 0

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request, and return the body of the answer."""
        self.count += 1
        client = self.kernel.client
        request = {"type": "request", "seq": self.count, "command": command}
        message = client.session.msg("debug_request", {**request, "arguments": arguments})
        client.control_channel.send(message)
        reply = client.get_control_msg(timeout=60)
        assert reply["parent_header"]["msg_id"] == message["header"]["msg_id"]
        assert reply["content"]["success"], reply["content"]
        return dict(reply["content"].get("body", {}))


def test_debugger(managers: Callable[..., KernelManager]) -> None:
    """A breakpoint stops a cell, whose variables can be seen."""
    manager = managers()
    assert manager.kernel_spec is not None
    assert manager.kernel_spec.metadata["debugger"], "so that front ends offer it"
    manager.start_kernel()
    with connect(manager) as kernel:
        debugger = Debugger(kernel)
        debugger.ask("initialize", adapterID="", linesStartAt1=True, pathFormat="path")
        debugger.ask("attach")
        cell = "fruit = 'apple'\nfruit = fruit.upper()\nfruit"
        path = debugger.ask("dumpCell", code=cell)["sourcePath"]
        debugger.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": 2}])
        debugger.ask("configurationDone")
        request = kernel.client.execute(cell)
        event: dict[str, Any] = {}
        while event.get("event") != "stopped":  # which no request's header comes with
            event = kernel.client.get_iopub_msg(timeout=60)["content"]
        thread = event["body"]["threadId"]
        (frame, *_) = debugger.ask("stackTrace", threadId=thread)["stackFrames"]
        assert (frame["source"]["path"], frame["line"]) == (path, 2)
        scopes = debugger.ask("scopes", frameId=frame["id"])["scopes"]
        reference = scopes[0]["variablesReference"]
        values = debugger.ask("variables", variablesReference=reference)["variables"]
        assert {"fruit": "'apple'"}.items() <= {one["name"]: one["value"] for one in values}.items()
        debugger.ask("continue", threadId=thread)
        result = kernel.next_message("execute_result", request)
        assert result["content"]["data"]["text/plain"] == "'APPLE'"
