"""Kernelspecs of other tools: what is taken over, what is not, and that this is said."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.kernelspecs import kernels_of, read, write
from tests.support.peers import PYTHON, remote_ikernel, remote_kernel, sshpyk
from yarnkernel.cli import build_parser
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.front_end_options import CONFIG, read_config
from yarnkernel.jupyter.kernelspec import Kernelspec
from yarnkernel.jupyter.kernelspec_start import start_values
from yarnkernel.jupyter.peers import remote_ikernel as remote_ikernel_module
from yarnkernel.jupyter.peers.find import PEERS, Import, take_over
from yarnkernel.jupyter.peers.taken import ipython_of
from yarnkernel.kernels.arguments import given as given_on

if TYPE_CHECKING:
    from tests.conftest import Shell

IPYTHON = ("--kernel_cmd", "ipython kernel -f {host_connection_file}")
JULIA = (
    "/home/me/julia-903644385b/bin/julia -i --startup-file=yes --color=yes "
    "/home/me/.julia/v0.6/IJulia/src/kernel.jl {host_connection_file}"
)
PYTHON_12 = "/opt/env/bin/python3.12"
R = "R --slave -e 'IRkernel::main()' --args {host_connection_file}"
R_WORDS = ["R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"]
HOST_KEYS = "StrictHostKeyChecking=no: unknown host keys are refused; next: ssh"


def taken(content: dict[str, Any]) -> Import:
    found = take_over(Kernelspec("one", Path("/kernels/one"), content))
    read_config(found.options)
    return found


#: Of remote_ikernel: its arguments, as options of ours, and the beginnings of what is left out.
REMOTE_IKERNEL: list[tuple[tuple[str, ...], dict[str, Any], list[str]]] = [
    (
        ("--interface", "sge", "--pe", "mpi", "--cpus", "2", *IPYTHON),
        {
            "interface": "sge",
            "vcores": 2,
            "pe": "mpi",
            "kernel_cmd": ["ipython", "kernel", "-f", "{connection_file}"],
        },
        [],
    ),
    (
        ("--interface", "sge", "--cpus", "2", "--kernel_cmd", R),
        {"interface": "sge", "vcores": 2, "pe": "smp", "kernel_cmd": R_WORDS},
        [],
    ),
    (
        ("--interface", "ssh", "--host", "me@remote.machine", "--workdir", "/home/me/Workdir",
         "--kernel_cmd", JULIA),
        {
            "interface": "ssh",
            "host": "me@remote.machine",
            "workdir": "/home/me/Workdir",
            "kernel_cmd": [*JULIA.split()[:-1], "{connection_file}"],
        },
        [f"{HOST_KEYS} me@remote.machine"],
    ),
    (
        ("--interface", "local", "--kernel_cmd",
         "/home/me/Virtualenvs/dev/bin/ipython kernel -f {host_connection_file}"),
        {"interface": "local", "python": "/home/me/Virtualenvs/dev/bin/python"},
        [],
    ),
    (
        ("--interface", "slurm", "--cpus", "4", "--tunnel-hosts", "gateway.machine",
         "cluster.frontend:2222", "--verbose", *IPYTHON),
        {
            "interface": "slurm",
            "host": "ssh://cluster.frontend:2222",
            "jump": ["gateway.machine"],
            "vcores": 4,
            "verbose": True,
        },
        [f"{HOST_KEYS} -J gateway.machine ssh://cluster.frontend:2222"],
    ),
    (
        ("--interface", "sge_qrsh", "--launch-cmd", "qrsh", "--precmd", "module load R",
         "--launch-args", "-l h_rt=24:00:00 -now n -q 'all.q'", "--kernel_cmd", R),
        {
            "interface": "sge",
            "scheduler_arg": ["-l", "h_rt=24:00:00", "-q", "all.q"],
            "precmd": ["module load R"],
            "kernel_cmd": R_WORDS,
        },
        ["--launch-cmd qrsh: jobs are submitted by qsub", "--launch-args -now n: qsub has no use"],
    ),
    (
        ("--interface", "pbs", "--host", "login", "--pe", "smp", "--launch-args",
         "-l walltime=1:00:00 -X", "--kernel_cmd", R),
        {
            "interface": "pbs",
            "scheduler_arg": ["-l", "walltime=1:00:00"],
            "kernel_cmd": R_WORDS,
        },
        ["--host login: remote_ikernel did not look at it", "--pe smp: ", "--launch-args -X: "],
    ),
    (
        ("--interface", "slurm", "--launch-args", "--x11=all -p short --immediate=60 -M other -r1",
         "--kernel_cmd", R),
        {"interface": "slurm", "scheduler_arg": ["-p", "short"], "kernel_cmd": R_WORDS},
        ["--launch-args --x11=all: ", "--launch-args --immediate=60: ", "--launch-args -M other: ",
         "--launch-args -r1: "],
    ),
    (
        ("--interface", "ssh", "--host", "box", "--cpus", "3", "--tunnel-hosts", "a:22", "--pe=x",
         "--launch-args", "-p 2222 -i ~/.ssh/other -l me -J b,c:23 -o Compression=yes",
         "--kernel_cmd", f"{PYTHON_12} -m ipykernel -f {{host_connection_file}} --pylab"),
        {
            "interface": "ssh",
            "host": "ssh://me@box:2222",
            "jump": ["ssh://a:22", "b", "ssh://c:23"],
            "python": PYTHON_12,
            "launch_arg": ["--pylab"],
        },
        [f"{HOST_KEYS} -J ssh://a:22 box", "--cpus 3: it means nothing for ssh", "--pe x: ",
         "ssh -i ~/.ssh/other: your ssh takes it from ~/.ssh/config", "ssh -o Compression=yes: "],
    ),
    (
        ("--interface", "local", "--tunnel-hosts", "a", "b", "--launch-args", "--norc -i",
         "--launch-cmd", "/bin/zsh", "--workdir", "$HOME/work", "--precmd", ". env/bin/activate",
         "--kernel_cmd", "python -m ipykernel -f {host_connection_file}"),
        {
            "interface": "ssh",
            "host": "b",
            "jump": ["a"],
            "precmd": ['cd "$HOME/work"', ". env/bin/activate"],
            "kernel_cmd": ["python", "-m", "ipykernel", "-f", "{connection_file}"],
        },
        [f"{HOST_KEYS} -J a b", "--launch-cmd /bin/zsh: ", "--launch-args --norc -i: "],
    ),
    (
        ("--interface", "ssh", "--host", "box", "--kernel_cmd",
         "source env/bin/activate && ~/bin/kernel {host_connection_file}"),
        {
            "interface": "ssh",
            "host": "box",
            "kernel_cmd": [
                "bash", "-c", "source env/bin/activate && ~/bin/kernel {connection_file}"
            ],
        },
        [f"{HOST_KEYS} box"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "options", "left_out"), REMOTE_IKERNEL)
def test_remote_ikernel(
    arguments: tuple[str, ...],
    options: dict[str, Any],
    left_out: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    found = taken(remote_ikernel(*arguments))
    assert (found.tool, found.options) == ("remote_ikernel", options)
    check(found.left_out, left_out)


@pytest.mark.skipif(shutil.which("sbatch") is None, reason="there is no sbatch here")
def test_what_sbatch_knows(tmp_path: Path) -> None:
    """What is left out of srun's arguments, sbatch refuses, but for a few that would do harm."""
    config = "ClusterName=x\nSlurmctldHost=localhost\nNodeName=localhost\n"
    (tmp_path / "slurm.conf").write_text(config)
    harm = {"-W", "--wait", "--threads", "-v", "--verbose", "-Q", "--quiet", "-i", "--input",
            "-J", "--job-name", "-M", "--clusters"}  # fmt: skip
    for flag in remote_ikernel_module.INTERACTIVE["slurm"].keys() - harm:
        done = subprocess.run(
            ["sbatch", flag, "--parsable", "/nowhere"],
            env={"SLURM_CONF": str(tmp_path / "slurm.conf"), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert re.search("unrecognized option|invalid option", done.stderr), (flag, done.stderr)


def check(lines: list[str], beginnings: list[str]) -> None:
    assert len(lines) == len(beginnings), lines
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning)


def test_ipython_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is the one that the other tool would have found, for all who start it later."""
    content = remote_ikernel("--interface", "slurm", *IPYTHON)
    for name in ("ipython", "python"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert taken(content).options == {"interface": "slurm", "python": f"{tmp_path}/python"}
    content["argv"] += ["--precmd", "module load x"]
    assert "python" not in taken(content).options
    (tmp_path / "python").unlink()
    assert "python" not in taken(remote_ikernel("--interface", "slurm", *IPYTHON)).options


def test_remote_ikernel_by_its_script() -> None:
    """Packages of Linux distributions have changed the command so."""
    content = remote_ikernel("--interface", "ssh", "--host", "box", *IPYTHON)
    content["argv"][:3] = ["/usr/bin/remote_ikernel"]
    assert taken(content).options == {"interface": "ssh", "host": "box"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--interface", "lsf", *IPYTHON), "there is no interface 'lsf' here"),
        (("--interface", "ssh", *IPYTHON), "there is no --host"),
        (("--cpus", "many"), "could not read its arguments: argument --cpus: invalid int value"),
        (("--launch-args", "'"), 'its --launch-args "\'" cannot be read: No closing quotation'),
        (("--kernel_cmd", "ipython '"), "cannot be read: No closing quotation"),
        (("--kernel_cmd", "k --shell={ci[shell_port]}"), "names more than {connection_file}"),
        (("--kernel_cmd", "ipython kernel"), "has no {connection_file} in it"),
        (("--kernel_cmd", " "), "command is empty"),
        (("--interface", "ssh", "--host=box", "--launch-args", "-+ x"), "option -+ not recognized"),
    ],
)
def test_remote_ikernel_that_is_refused(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        taken(remote_ikernel(*arguments))
    assert reason in str(caught.value)
    assert "the kernelspec in /kernels/one" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_remote_kernel() -> None:
    found = taken(remote_kernel("me@box"))
    assert (found.tool, found.options, found.left_out) == (
        "remote_kernel",
        {"interface": "ssh", "host": "me@box"},
        [],
    )
    assert (found.display_name, found.language) == ("remote_kernel-me@box", "python")


def test_all_of_remote_kernel() -> None:
    before = ("-J", "a", "-J", "me@b:23", "-i", "~/.ssh/rsa", "-pc", "module load python",
              "-k", "python3 -m ipykernel --pylab", "--no-remote-files")  # fmt: skip
    after = ("-s", "--no-recursive", "--bi-directional", "--local-folder", "data")
    found = taken(remote_kernel("me@box:2222", before, after))
    assert found.options == {
        "interface": "ssh",
        "host": "ssh://me@box:2222",
        "jump": ["a", "ssh://me@b:23"],
        "precmd": ["module load python"],
        "kernel_cmd": ["python3", "-m", "ipykernel", "--pylab", "-f", "{connection_file}"],
    }
    beginnings = ["-i ~/.ssh/rsa: put it into ~/.ssh/config", "--no-remote-files: the key",
                  "--synchronize of data: that is where"]  # fmt: skip
    check(found.left_out, beginnings)


def test_remote_kernel_that_is_refused() -> None:
    for content, reason in (
        (remote_kernel("box", ["@arguments"]), "in the file arguments are not read"),
        (remote_kernel("box", ["--nosuch"]), "unrecognized arguments: --nosuch"),
        ({"argv": [PYTHON, "-m", "remote_kernel"]}, "required: --target/-t"),
    ):
        with pytest.raises(UsageError, match=reason):
            taken(content)


def test_sshpyk() -> None:
    found = taken(sshpyk())
    assert (found.tool, found.options, found.left_out) == (
        "sshpyk",
        {
            "interface": "ssh",
            "host": "remote_server_sshpyk",
            "python": "/path/to/python/env/bin/python",
        },
        [],
    )


def test_all_of_sshpyk() -> None:
    found = taken(
        sshpyk(
            ssh="/opt/bin/ssh",
            ssh_config="/etc/other",
            launch_timeout=40,
            shutdown_timeout=5,
            ssh_verbose="vv",
            persistent=True,
            nosuch="x",
            remote_python=None,
            remote_python_prefix="/opt/env/",
            remote_kernel_name="ir",
        )
    )
    command = found.options.pop("kernel_cmd")
    assert found.options == {
        "interface": "ssh",
        "host": "remote_server_sshpyk",
        "python": "/opt/env/bin/python",
        "timeout": 40,
        "keep": True,
    }
    assert (command[:2], command[3:]) == (
        ["/opt/env/bin/python", "-c"],
        ["ir", "{connection_file}"],
    )
    beginnings = ["persistent: a kernel goes on", "ssh = /opt/bin/ssh: the ssh on PATH",
                  "ssh_config = /etc/other: ssh reads ~/.ssh/config; next: put 'Include /etc",
                  "shutdown_timeout = 5: ", "ssh_verbose = vv: ", "nosuch = x: "]  # fmt: skip
    check(found.left_out, beginnings)


def test_sshpyk_that_is_refused() -> None:
    for config, reason in (
        ({"ssh_host_alias": ""}, "has no ssh_host_alias"),
        ({"remote_python": 3}, "its remote_python has to be text, not 3"),
        ({"launch_timeout": "soon"}, "'timeout' has to be a number of seconds"),
    ):
        with pytest.raises(UsageError, match=reason):
            taken(sshpyk(**config))


def test_kernel_that_sshpyk_knows_by_name(home: Shell) -> None:
    """What is run there is what the kernelspec there says."""
    write(
        kernels_of(home) / "other",
        {
            "argv": ["python3", "-c", "import os, sys; print(os.environ['A'], *sys.argv[1:])",
                     "{connection_file}", "{resource_dir}", "{x}"],
            "env": {"A": "a b"},
            "display_name": "other", "language": "x",
        },
    )  # fmt: skip
    command = taken(sshpyk(remote_python=sys.executable, remote_kernel_name="other")).options[
        "kernel_cmd"
    ]
    done = home.run(*[word.replace("{connection_file}", "/a file") for word in command]).ok()
    assert done.out == f"a b /a file {kernels_of(home) / 'other'} {{x}}\n"


def test_variables_and_the_way_to_interrupt() -> None:
    env = {"A": "to the letter", "B": "${HOME}/x", "SSH_ASKPASS": "/bin/ask", "a-b": "x", "N": 1}
    content = remote_ikernel("--host=box", "--interface=ssh", "--kernel_cmd", R, env=env)
    found = taken({**content, "interrupt_mode": "message"})
    assert (found.options["env"], found.options["interrupt_mode"]) == (
        {"A": "to the letter"},
        "message",
    )
    check(
        found.left_out[1:], ["env B: ", "env SSH_ASKPASS: it is for ssh here", "env a-b: ", "env N"]
    )


@pytest.mark.parametrize(
    ("command", "python", "arguments"),
    [
        ("python -m ipykernel_launcher -f {connection_file}", "python", []),
        ("python -Xfrozen_modules=off -m ipykernel_launcher -f {connection_file}", "python", []),
        ("/a/python3.11 -m ipykernel --f={connection_file} --pylab", "/a/python3.11", ["--pylab"]),
        (
            "/a/ipython3 kernel --debug --connection-file={connection_file}",
            "/a/python",
            ["--debug"],
        ),
        ("python3 -m IPython kernel -f {connection_file}", "python3", []),
    ],
)
def test_commands_of_ipython(command: str, python: str, arguments: list[str]) -> None:
    assert ipython_of(command.split()) == (python, arguments)


@pytest.mark.parametrize(
    "command",
    [
        "python -m bash_kernel -f {connection_file}",
        "python -O -m ipykernel -f {connection_file}",
        "python -m ipykernel -f other.json {connection_file}",
        "python -m ipykernel -f",
        "ipython --profile=x kernel -f {connection_file}",
        "xpython -f {connection_file}",
        "conda run -n env python -m ipykernel -f {connection_file}",
    ],
)
def test_commands_of_others(command: str) -> None:
    assert ipython_of(command.split()) is None


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
WORDS = st.lists(TEXT.filter(lambda word: not word.startswith("-")), min_size=1, max_size=3)


@given(
    interface=st.sampled_from(["local", "ssh", "pbs", "sge", "sge_qrsh", "slurm", "lsf"]),
    options=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("workdir", "precmd", "host", "launch-args", "launch-cmd", "pe"), TEXT
        ),
    ),
    hosts=st.lists(st.from_regex(r"([a-z]+@)?[a-z.]+(:\d+)?", fullmatch=True), max_size=2),
    cpus=st.integers(0, 9),
    words=WORDS,
)
def test_whatever_remote_ikernel_writes(
    interface: str, options: dict[str, str], hosts: list[str], cpus: int, words: list[str]
) -> None:
    """It becomes options of ours, or one clear line."""
    command = shlex.join([*words, "{host_connection_file}"])
    arguments = [f"--{name}={text}" for name, text in options.items()]
    arguments += ["--tunnel-hosts", *hosts] if hosts else []
    arguments += ["--interface", interface, "--cpus", str(cpus), f"--kernel_cmd={command}"]
    try:
        found = taken(remote_ikernel(*arguments))
    except UsageError:
        return
    assert found.options["interface"] != "lsf"
    if "workdir" in found.options:
        assert found.options["workdir"] == options["workdir"]
    if "precmd" in options:
        assert found.options["precmd"][-1] == options["precmd"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([remote_ikernel(*IPYTHON), remote_kernel("box"), sshpyk()]),
    st.fixed_dictionaries({}, optional=dict.fromkeys(
        ("env", "interrupt_mode", "display_name", "language", "remote_ikernel_argv"), JSON
    )),
    st.dictionaries(
        st.sampled_from(["ssh", "ssh_config", "remote_python", "launch_timeout", "persistent"]),
        JSON,
    ),
)  # fmt: skip
def test_edited_by_anybody(content: Any, changes: dict[str, Any], config: dict[str, Any]) -> None:
    content = {**json.loads(json.dumps(content)), **changes}
    if "metadata" in content:
        content["metadata"]["kernel_provisioner"]["config"] |= config
    try:
        found = take_over(Kernelspec("one", Path("/kernels/one"), content))
        read_config(found.options)
    except UsageError:
        return
    assert all(isinstance(line, str) for line in found.left_out)
    assert isinstance(found.display_name + found.language, str)


# --- the command


@pytest.fixture
def theirs(home: Shell) -> Path:
    """Kernelspecs of a user of three tools."""
    kernels = kernels_of(home)
    ssh = ("--interface", "ssh", "--host", "box", "--kernel_cmd", R)
    write(
        kernels / "rik_ssh_box_r",
        remote_ikernel(*ssh, language="R", display_name="SSH box R", env={"A": "secret"}),
    )
    (kernels / "rik_ssh_box_r" / "logo-64x64.png").write_bytes(b"their logo")
    write(kernels / "rik_lsf_lsf", remote_ikernel("--interface", "lsf", *IPYTHON))
    write(kernels / "remote_kernel-me-box", remote_kernel("me@box"))
    write(kernels / "ssh_remote_python3", sshpyk())
    return kernels


def test_import(home: Shell, theirs: Path) -> None:
    before = {path: path.read_text() for path in theirs.glob("*/kernel.json")}
    done = home.yarnkernel("kernelspec", "import", theirs / "rik_ssh_box_r").ok()
    directory = theirs / "rik_ssh_box_r-yarnkernel"
    assert done.out == f"{directory}\n"
    assert f"rik_ssh_box_r: not taken over: {HOST_KEYS} box" in done.err
    assert "next: jupyter console --kernel rik_ssh_box_r-yarnkernel" in done.err
    content = read(directory)
    assert (content["display_name"], content["language"]) == ("SSH box R", "R")
    assert content["interrupt_mode"] == "signal"
    assert content["metadata"]["kernel_provisioner"]["config"] == {
        "interface": "ssh",
        "host": "box",
        "kernel_cmd": R_WORDS,
        "env": {"A": "secret"},
    }
    assert [path.name for path in directory.glob("logo*")] == ["logo-64x64.png"]
    assert (directory / "logo-64x64.png").read_bytes() == b"their logo"
    assert (directory / "kernel.json").stat().st_mode & 0o77 == 0
    assert {path: path.read_text() for path in before} == before
    shown = home.yarnkernel("kernelspec", "show", "rik_ssh_box_r-yarnkernel").ok()
    assert "secret" not in shown.out
    assert "--env=A=..." in shown.out


def test_import_of_all(home: Shell, theirs: Path) -> None:
    done = home.yarnkernel("kernelspec", "import", "remote_ikernel", "--json")
    assert done.error(2) == "yarnkernel: of 2, 1 not taken over: rik_lsf_lsf"
    assert "there is no interface 'lsf' here, but slurm, sge, pbs, ssh, local" in done.err
    (one,) = done.document
    assert (one["name"], one["tool"]) == ("rik_ssh_box_r-yarnkernel", "remote_ikernel")
    check(one["left_out"], [f"{HOST_KEYS} box"])
    for tool, name in (("remote_kernel", "remote_kernel-me-box"), ("sshpyk", "ssh_remote_python3")):
        done = home.yarnkernel("kernelspec", "import", tool).ok()
        assert done.out == f"{theirs / name}-yarnkernel\n"
    listed = home.yarnkernel("kernelspec", "list", "--json").ok().document
    assert len([one for one in listed if not one["name"].startswith("test-")]) == 3


def test_import_again(home: Shell, theirs: Path) -> None:
    command = ("kernelspec", "import", theirs / "ssh_remote_python3" / "kernel.json")
    home.yarnkernel(*command).ok()
    assert "exists; replace it with --replace" in home.yarnkernel(*command).error(2)
    home.yarnkernel(*command, "--replace").ok()
    home.yarnkernel(*command, "--name", "Other").ok()
    assert (theirs / "other" / "kernel.json").exists()
    error = home.yarnkernel(*command, "--name", "ssh_remote_python3", "--replace").error(2)
    assert "is not yarnkernel's; choose another" in error


def test_import_from_elsewhere(home: Shell, tmp_path: Path) -> None:
    """Where the name is free it stays the same."""
    write(tmp_path / "saved" / "mine", remote_kernel("me@box"))
    done = home.yarnkernel(
        "kernelspec", "import", tmp_path / "saved" / "mine", "--prefix", tmp_path / "prefix"
    ).ok()
    assert done.out == f"{tmp_path}/prefix/share/jupyter/kernels/mine\n"
    assert "next: export JUPYTER_PATH=" in done.err


def test_dry_run_tells_the_command(home: Shell, theirs: Path, tmp_path: Path) -> None:
    """And that does the same."""
    kernels = sorted(theirs.iterdir())
    for tool in ("remote_kernel", "sshpyk"):
        shown = home.yarnkernel("kernelspec", "import", tool, "--dry-run", "--prefix", tmp_path)
        command = shlex.split(shown.ok().out)
        assert command[:3] == ["yarnkernel", "kernelspec", "add"]
        home.yarnkernel(*command[1:]).ok()
        added = tmp_path / "share/jupyter/kernels" / command[3].partition("=")[2]
        content = read(added)
        home.yarnkernel("kernelspec", "import", tool, "--replace", "--prefix", tmp_path).ok()
        assert read(added) == content
    assert sorted(theirs.iterdir()) == kernels


def test_dry_run_keeps_variables_to_itself(home: Shell, theirs: Path) -> None:
    shown = home.yarnkernel("kernelspec", "import", theirs / "rik_ssh_box_r", "--dry-run").ok()
    assert "secret" not in shown.out + shown.err
    options = build_parser().parse_args(shlex.split(shown.out)[1:])
    assert given_on(options, CONFIG) == {
        "interface": "ssh",
        "host": "box",
        "kernel_cmd": R_WORDS,
        "env": {"A": "..."},
    }


def test_wrong_sources(home: Shell, theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "kernel.json").write_text("{")
    write(tmp_path / "r", {"argv": ["R"], "display_name": "R", "language": "R"})
    (tmp_path / "other.json").write_text("{}")
    home.yarnkernel("kernelspec", "add", "--name", "own", "--interface", "local").ok()
    for source, reason in (
        ("nosuch", "'nosuch' is none of remote_ikernel, remote_kernel, sshpyk, nor a kernel.json"),
        (tmp_path / "damaged", "kernel.json is no kernel.json that can be read"),
        (tmp_path / "other.json", "other.json is no kernel.json that can be read"),
        (
            tmp_path / "r",
            "is none of remote_ikernel, remote_kernel, sshpyk; next: yarnkernel start",
        ),
        (theirs / "own", "is yarnkernel's own; next: "),
        (theirs / "rik_lsf_lsf", "there is no interface 'lsf' here"),
    ):
        error = home.yarnkernel("kernelspec", "import", source).error(2)
        assert reason in error
        assert len(error.splitlines()) == 1
    error = home.yarnkernel("kernelspec", "import", "remote_ikernel", "--name", "x").error(2)
    assert "--name is for one kernelspec, and there are rik_lsf_lsf, rik_ssh_box_r" in error


def test_none_of_a_tool(home: Shell) -> None:
    for tool in PEERS:
        error = home.yarnkernel("kernelspec", "import", tool).error(2)
        assert f"Jupyter finds no kernelspec of {tool}; next: " in error


def test_interrupt_mode_of_a_kernelspec(home: Shell) -> None:
    """What front ends and the supervisor are told is the same."""
    add = ("kernelspec", "add", "--name", "x", "--interface", "local")
    home.yarnkernel(*add, "--kernel-cmd", "k {connection_file}", "--interrupt-mode", "message").ok()
    directory = kernels_of(home) / "x"
    assert read(directory)["interrupt_mode"] == "message"
    shown = home.yarnkernel("kernelspec", "show", "x", "--json").ok().document
    assert "--interrupt-mode=message" in shown["recipe"]
    home.yarnkernel("kernelspec", "set", "x", "--unset", "interrupt-mode").ok()
    assert read(directory)["interrupt_mode"] == "signal"
    home.yarnkernel("kernelspec", "set", "x", "--interrupt-mode", "message").ok()
    assert read(directory)["interrupt_mode"] == "message"


def test_start_by_a_kernelspec_of_yarn(
    home: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its specification is the copy beside it; front ends' options are not for a start."""
    add = ("kernelspec", "add", "--name", "big", "--queue", "small", "--env", "A=1", "--keep")
    home.yarnkernel(*add).ok()
    home.yarnkernel("kernelspec", "add", "--name", "argv", "--argv", "--env", "A=1").ok()
    content = read(kernels_of(home) / "big")
    write(kernels_of(home) / "big", {**content, "env": {"A": "x", "B": "$WORD"}})
    for name, value in {"HOME": str(tmp_path), "WORD": "a word"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    values, lines = start_values("big", {"memory": "1 GiB", "env": {"C": "3"}})
    assert (values, lines) == (
        {
            "spec": str(kernels_of(home) / "big" / "spec.yaml"),
            "queue": "small",
            "memory": "1 GiB",
            "env": {"A": "1", "B": "a word", "C": "3"},
        },
        [],
    )
    values, _ = start_values("argv", {})
    assert values == {"spec": str(kernels_of(home) / "argv" / "spec.yaml"), "env": {"A": "1"}}
