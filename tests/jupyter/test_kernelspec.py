"""Kernelspecs: what is installed, what is refused, and that all of it reaches the kernel."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Shell
from tests.support.kernels import RECIPE, write_spec
from tests.support.kernelspecs import edit_config, kernels_of, read, write
from tests.support.vs_code import FrontEnd
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.kernelspec import check_name
from yarnkernel.jupyter.launcher_arguments import read_options
from yarnkernel.kernels.command import check_command
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.python_command import python_command
from yarnkernel.yarn.launch_spec import load

FILES = ["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg", "spec.yaml"]
#: All options but those of a test's own, with what is hard to quote.
OPTIONS = (
    *("--queue", "small", "--memory", "600 MiB", "--vcores", "2", "--node-label", "gpu"),
    *("--env", 'GREETING=it\'s "hello" = {name}', "--env", "EMPTY="),
    *("--environment", "python:///opt/python", "--workdir", "/data/a b"),
    *("--precmd", "module load R\necho '$HOME' {connection_file}", "--precmd", "-x {=y}"),
    *("--kernel-cmd", "python -m 'my kernel' -f {connection_file} {{prefix}}"),
    *("--launch-arg=--flag=a b", "--launch-arg", "{resource_dir}", "--timeout", "300", "--verbose"),
)


def test_what_is_installed(home: Shell) -> None:
    result = home.yarnkernel("kernelspec", "add").ok()
    directory = kernels_of(home) / "yarn"
    assert result.out == f"{directory}\n"
    assert "next: jupyter console --kernel yarn" in result.err
    assert "no kernel can be started now: no cluster" in result.err
    assert sorted(path.name for path in directory.iterdir()) == FILES
    assert list(directory.parent.iterdir()) == [directory]
    assert (directory / "spec.yaml").read_text() == (REPOSITORY / "specs/ipython.yaml").read_text()
    assert (directory / "logo-64x64.png").read_bytes().startswith(b"\x89PNG")
    listed = home.run("jupyter", "kernelspec", "list", "--json").ok().document
    found = listed["kernelspecs"]["yarn"]
    assert found["resource_dir"] == str(directory)
    assert found["spec"]["display_name"] == "Python (YARN)"
    assert found["spec"]["language"] == "python"
    provisioner = found["spec"]["metadata"]["kernel_provisioner"]
    assert provisioner == {"provisioner_name": "yarn-provisioner", "config": {"spec": "spec.yaml"}}
    assert found["spec"]["argv"] == [
        *python_command("yarnkernel.jupyter.launcher", "--spec", str(directory / "spec.yaml")),
        "{connection_file}",
    ]


def test_places(home: Shell, tmp_path: Path) -> None:
    name = f"test-{uuid.uuid4().hex}"
    add = ("kernelspec", "add", "--name", name)
    assert home.yarnkernel(*add, "--user").ok().out == f"{kernels_of(home) / name}\n"
    result = home.yarnkernel(*add, "--prefix", "some where").ok()
    assert result.out == f"{tmp_path}/some where/share/jupyter/kernels/{name}\n"
    assert f"warning: Jupyter finds {kernels_of(home) / name} before it" in result.err
    result = home.yarnkernel(*add[:-1], "elsewhere", "--prefix", "some where").ok()
    assert f"next: export JUPYTER_PATH='{tmp_path}/some where/share/jupyter'" in result.err
    home.yarnkernel("kernelspec", "remove", name).ok()
    try:
        directory = Path(sys.prefix, "share/jupyter/kernels", name)
        assert home.yarnkernel(*add, "--sys-prefix").ok().out == f"{directory}\n"
        assert directory.is_dir()
    finally:
        home.yarnkernel("kernelspec", "remove", name).ok()
    assert not directory.exists()
    assert home.yarnkernel(*add, "--user", "--sys-prefix").code == 2
    error = home.yarnkernel(*add, "--prefix", "/proc/nothing").error(2)
    assert f"cannot write the kernelspec /proc/nothing/share/jupyter/kernels/{name}: No" in error


def test_both_forms_say_the_same(home: Shell) -> None:
    """Provisioner and launcher; placeholders are not taken for the front end's."""
    home.yarnkernel("kernelspec", "add", "--name", "all", *OPTIONS).ok()
    directory = kernels_of(home) / "all"
    content = read(directory)
    config = content["metadata"]["kernel_provisioner"]["config"]
    assert config == {
        "spec": "spec.yaml",
        "queue": "small",
        "memory": "600 MiB",
        "vcores": 2,
        "node_label": "gpu",
        "env": {"GREETING": 'it\'s "hello" = {name}', "EMPTY": ""},
        "environment": "python:///opt/python",
        "workdir": "/data/a b",
        "precmd": ["module load R\necho '$HOME' {connection_file}", "-x {=y}"],
        "kernel_cmd": ["python", "-m", "my kernel", "-f", "{connection_file}", "{{prefix}}"],
        "launch_arg": ["--flag=a b", "{resource_dir}"],
        "timeout": 300.0,
        "verbose": True,
    }
    *python, module = python_command("yarnkernel.jupyter.launcher")
    arguments = content["argv"][len(python) + 1 :]
    assert content["argv"][: len(python) + 1] == [*python, module]
    # As jupyter_client and VS Code do it.
    values = {"connection_file": "/run/it's.json", "prefix": "X", "resource_dir": "X", "name": "X"}
    for name, value in values.items():
        arguments = [part.replace(f"{{{name}}}", value) for part in arguments]
    assert arguments[-1] == "/run/it's.json"
    options = read_options(arguments)
    expected = {**config, "spec": str(directory / "spec.yaml")}
    assert options == LaunchOptions.from_dict(expected)


def test_what_is_nobodys_business(home: Shell) -> None:
    """Variables, and a specification that others cannot read, stay so."""
    spec = home.directory / "mine.yaml"
    spec.write_text((REPOSITORY / "specs/ipython.yaml").read_text())
    for name, mode, options in (
        ("open", 0o644, ()), ("closed", 0o600, ()), ("variables", 0o644, ("--env", "A=secret")),
    ):  # fmt: skip
        spec.chmod(mode)
        home.yarnkernel("kernelspec", "add", spec, "--name", name, *options).ok()
        directory = kernels_of(home) / name
        readable = directory.joinpath("spec.yaml").stat().st_mode & 0o077
        assert bool(readable) == (name == "open")
        readable = directory.joinpath("kernel.json").stat().st_mode & 0o077
        assert bool(readable) == (name != "variables")
        argv = read(directory)["argv"]
        assert "secret" not in " ".join(argv)
        assert read_options(argv[argv.index("--spec") :]).env == (
            {"A": "secret"} if options else {}
        )


@pytest.mark.parametrize(
    "command",
    [
        "conda run -n e python -m ipykernel -f {connection_file}",
        "Rscript -e 'library(IRkernel); main();' {connection_file}",
        "bash -c 'module load R && exec R --args {connection_file};'",
        "/opt/a=b/bin/python -f {connection_file}",
    ],
)
def test_commands_that_need_no_shell(command: str) -> None:
    check_command(shlex.split(command))


def test_other_language(home: Shell) -> None:
    command = "R --slave -e 'IRkernel::main()' --args {connection_file}"
    add = ("kernelspec", "add", "--kernel-cmd", command, "--name", "IR")
    home.yarnkernel(*add, "--language", "R", "--display-name", "R, auf Wunsch größer").ok()
    content = read(kernels_of(home) / "ir")
    assert (content["language"], content["display_name"]) == ("R", "R, auf Wunsch größer")
    # It knows neither the message nor CurveZMQ nor the debugger.
    assert content["interrupt_mode"] == "signal"
    assert set(content["metadata"]) == {"kernel_provisioner"}
    assert home.yarnkernel("kernelspec", "remove", "IR").ok().out == "ir\n"


def test_what_the_cluster_would_not_take(shell: Shell, tmp_path: Path) -> None:
    """It is installed all the same: it may be for another day, or another cluster."""
    prefix = ("--prefix", tmp_path)
    add = ("kernelspec", "add", "--name", "large", *prefix)
    said = shell.yarnkernel(*add, "--memory", "900 GiB", "--queue", "nowhere").ok().err
    assert re.search(r"warning: queue: there is no queue 'nowhere' \(queues: .*next: --queue", said)
    assert "warning: container: the kernel is larger than any container" in said
    content = read(tmp_path / "share/jupyter/kernels/large")
    assert content["display_name"] == "Python (YARN, 900 GiB, nowhere)"
    fitting = ("--memory", "1 GiB", "--queue", "small", "--replace")
    assert "warning" not in shell.yarnkernel(*add, *fitting).ok().err


def test_show_list_remove(home: Shell) -> None:
    home.yarnkernel("kernelspec", "add", "--name", "one", "--queue", "small").ok()
    add = ("kernelspec", "add", "--name", "two", "--argv", "--memory", "2 GiB")
    added = home.yarnkernel(*add, "--launch-arg=--pylab", "--verbose", "--json").ok().document
    assert (added["name"], added["form"]) == ("two", "argv")
    assert added["options"] == {
        "spec": f"{kernels_of(home)}/two/spec.yaml",
        "memory": "2 GiB",
        "launch_arg": ["--pylab"],
        "verbose": True,
    }

    lines = home.yarnkernel("kernelspec", "list").ok().out.splitlines()
    assert lines[0].split() == ["NAME", "DISPLAY", "NAME", "FORM", "DIRECTORY"]
    # A test beside this one may have one in the prefix that all share.
    lines = [line for line in lines if not line.startswith("test-")]
    assert [line.split()[0] for line in lines[1:]] == ["one", "two"]
    assert [line.split()[-2] for line in lines[1:]] == ["provisioner", "argv"]
    assert "Python (YARN, small)" in lines[1]
    documents = home.yarnkernel("kernelspec", "list", "--json").ok().document
    names = [document["name"] for document in documents]
    assert [name for name in names if not name.startswith("test-")] == ["one", "two"]

    shown = home.yarnkernel("kernelspec", "show", "one").ok().out
    for text in ("provisioner: yes", "  queue: small", "recipe: none"):
        assert text in shown
    assert re.search(r"^  queue +small$", shown, re.MULTILINE)
    assert re.search(r"^  timeout +default: 300 s$", shown, re.MULTILINE)
    document = home.yarnkernel("kernelspec", "show", "two", "--json").ok().document
    assert document["recipe"] == ["--pylab", "--verbose"]
    assert document["specification"]["master"]["resources"]["memory"] == 2048 + 300
    options = document["all_options"]
    assert options["memory"] == {"value": "2 GiB", "default": False}
    assert options["queue"] == {"value": "", "default": True}
    shown = home.yarnkernel("kernelspec", "show", "two").ok().out
    assert re.search(r"^  timeout +default: 55 s$", shown, re.MULTILINE)

    # All or none.
    error = home.yarnkernel("kernelspec", "remove", "one", "three").error(2)
    assert "there is no kernelspec 'three'; next: yarnkernel kernelspec list" in error
    assert home.yarnkernel("kernelspec", "remove", "one", "two", "one").ok().out == "one\ntwo\n"
    assert list(kernels_of(home).iterdir()) == []


def test_kernelspecs_of_others(home: Shell) -> None:
    """Are neither shown nor touched, whatever they look like."""
    foreign = kernels_of(home) / "foreign"
    write(foreign, {"argv": ["python", "-f", "{connection_file}"], "display_name": "Foreign"})
    for number, content in enumerate(
        ([], {"argv": None}, {"metadata": None}, {"metadata": {"kernel_provisioner": "x"}}, "x")
    ):
        write(kernels_of(home) / f"broken{number}", content)
    left = home.yarnkernel("kernelspec", "list", "--json").ok().document
    assert [one["name"] for one in left if not one["name"].startswith("test-")] == []
    for command in ("show", "remove"):
        error = home.yarnkernel("kernelspec", command, "foreign").error(2)
        assert f"'foreign' in {foreign} is not yarnkernel's" in error
    for options in ((), ("--replace",)):
        for name in ("foreign", "Foreign", "broken0"):
            error = home.yarnkernel("kernelspec", "add", "--name", name, *options).error(2)
            assert f"the name is taken: {kernels_of(home) / name.lower()} is not" in error
    assert sorted(path.name for path in foreign.iterdir()) == ["kernel.json"]


def test_name_that_is_taken(home: Shell) -> None:
    add = ("kernelspec", "add", "--name", "mine")
    home.yarnkernel(*add, "--queue", "first").ok()
    error = home.yarnkernel(*add, "--queue", "second").error(2)
    assert "replace it with --replace" in error
    directory = kernels_of(home) / "mine"
    assert read(directory)["metadata"]["kernel_provisioner"]["config"]["queue"] == "first"
    home.yarnkernel(*add, "--queue", "second", "--replace").ok()
    assert read(directory)["metadata"]["kernel_provisioner"]["config"]["queue"] == "second"
    assert list(directory.parent.iterdir()) == [directory]


@pytest.mark.parametrize("name", ["a b", "..", ".", ".hidden", "a/b", "ü", "", "a\n"])
def test_name_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a kernelspec"):
        check_name(name)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("gone.yaml",), "cannot read the specification gone.yaml: No such file"),
        (("bad.yaml",), "bad.yaml: master: Unknown extra keys"),
        (("--memory", "lots"), "--memory 'lots'"),
        (("--environment", "/no/such"), "there is no environment /no/such"),
        (("--environment", "empty"), "neither the conda-meta of conda nor the pyvenv.cfg"),
        (("--kernel-cmd", "R --slave"), "has no {connection_file} in it: R --slave"),
        (("--kernel-cmd", "R 'x"), "--kernel-cmd"),
        (("--timeout", "0"), "is not a number of seconds above 0"),
        (("--env", "x"), "'x' is not NAME=VALUE"),
        (("--env", "Ä=1"), "is not NAME=VALUE"),
        (("--kernel-cmd", ""), "the command is empty"),
        (("--kernel-cmd", "R '{connection_file}"), "is no command: No closing quotation"),
        (
            ("--kernel-cmd", "source x && python -m ipykernel -f {connection_file}"),
            "is read by no shell, which alone understands 'source'",
        ),
        (("--kernel-cmd", "true && python -f {connection_file}"), "understands '&&'"),
        (("--kernel-cmd", "A=1 python -f {connection_file}"), "understands 'A=1'"),
        (("--kernel-cmd", "python -f {connection_file} > /tmp/log"), "understands '>'"),
        (("--name", "../up"), "'../up' cannot name a kernelspec"),
    ],
)
def test_bad_input(home: Shell, arguments: tuple[str, ...], reason: str) -> None:
    (home.directory / "bad.yaml").write_text("master: {skript: a}\n")
    (home.directory / "empty").mkdir()
    result = home.yarnkernel("kernelspec", "add", *arguments)
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
    assert reason in result.err
    assert not kernels_of(home).exists()


@pytest.fixture
def edited(home: Shell) -> Path:
    """A kernelspec that is going to be spoilt."""
    home.yarnkernel("kernelspec", "add", "--name", "edited", "--kernel-cmd", "k {connection_file}")
    return kernels_of(home) / "edited"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"queu": "small"}, "there is no option 'queu'; did you mean 'queue'?"),
        ({"x": "small"}, "there is no option 'x'; there are interface, host, jump"),
        (
            {"vcores": "2"},
            "the option 'vcores' has to be a whole number above 0 and at most 2147483647, not '2'",
        ),
        (
            {"vcores": True},
            "the option 'vcores' has to be a whole number above 0 and at most 2147483647, not True",
        ),
        ({"env": {"A": 1}}, "the option 'env' has to be a mapping of names to texts"),
        ({"env": None}, "the option 'env' has to be a mapping of names to texts"),
        ({"env": {"a b": ""}}, "the option 'env': 'a b' cannot name a variable"),
        ({"precmd": "echo"}, "the option 'precmd' has to be a list of texts, not 'echo'"),
        ({"timeout": -1}, "the option 'timeout' has to be a number of seconds above 0"),
        ({"timeout": float("nan")}, "the option 'timeout' has to be a number of seconds above 0"),
        ({"spec": 7}, "the option 'spec' has to be text, not 7"),
        ({"kernel_cmd": ["k"]}, "has no {connection_file} in it"),
        ({"memory": "lots"}, "--memory 'lots'"),
        ({"vcores": -1}, "the option 'vcores' has to be a whole number above 0"),
        ({"via": "air"}, "the option 'via' has to be one of auto, direct, skein, not 'air'"),
        ({"idle_timeout": -1}, "the option 'idle_timeout' has to be a number of seconds from 0 to"),
        ({"memory_guard": 101}, "the option 'memory_guard' has to be a percentage from 0 to 100"),
        ({"max_restarts": 0.5}, "the option 'max_restarts' has to be a whole number from 0 to"),
        ({"start_timeout": 0}, "the option 'start_timeout' has to be a number of seconds above 0"),
        ({"workdir": "a\0b"}, "the option 'workdir' has to be text, not 'a\\x00b'"),
        ({"verbose": 1}, "the option 'verbose' has to be true or false, not 1"),
        ({"via": "skein", "priority": 1}, "--priority=1 needs the direct way"),
        ({"via": "skein", "encrypt": "required"}, "--encrypt needs the direct way"),
    ],
)
def test_option_that_cannot_be(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=re.escape(reason)):
        load(LaunchOptions.from_dict(config))


def test_options_that_are_edited(home: Shell, edited: Path) -> None:
    for config, reason in (({"spec": 7}, "'spec'"), ({"spec": "", "queu": "x"}, "option 'queu'")):
        edit_config(edited, **config)
        error = home.yarnkernel("kernelspec", "show", "edited").error(2)
        assert f"the kernelspec in {edited} cannot be used: " in error
        assert reason in error
        assert "next: " in error
    # It can still be removed.
    home.yarnkernel("kernelspec", "remove", "edited").ok()


def test_specification_that_is_gone(home: Shell, edited: Path, tmp_path: Path) -> None:
    (edited / "spec.yaml").unlink()
    for form in ("provisioner", "argv"):
        error = home.yarnkernel("kernelspec", "show", "edited").error(2)
        assert f"{edited}/spec.yaml: No such file" in error
        assert "--replace" in error, form
        content = read(edited)
        content["metadata"] = {}
        write(edited, content)
    (tmp_path / "yarn-site.xml").write_text("<configuration/>")
    shell = home.using(HADOOP_CONF_DIR=str(tmp_path))
    with FrontEnd(shell, tmp_path, content["argv"]) as front:
        assert f"{edited}/spec.yaml: No such file" in front.error(2)


def test_arguments_that_are_edited(home: Shell, edited: Path) -> None:
    content = read(edited)
    content["metadata"], content["argv"][-1:] = {}, ["--nosuch", "{connection_file}"]
    write(edited, content)
    result = home.yarnkernel("kernelspec", "show", "edited")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert f"in {edited} cannot be used: unrecognized arguments: --nosuch" in result.err


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the packages of this one."""
    prefix = tmp_path_factory.mktemp("prefixes") / "my env's"
    command = [sys.executable, "-m", "venv", "--without-pip", str(prefix)]
    subprocess.run(command, check=True, timeout=60)
    (packages,) = prefix.glob("lib/python3*/site-packages")
    packages.rmdir()
    packages.symlink_to(next(Path(sys.prefix).glob("lib/python3*/site-packages")))
    return prefix


def test_environment_that_is_gone(home: Shell, environment: Path, tmp_path: Path) -> None:
    other = tmp_path / "environment"
    shutil.copytree(environment, other, symlinks=True)
    home.yarnkernel("kernelspec", "add", "--environment", "environment").ok()
    content = read(kernels_of(home) / "yarn")
    config = content["metadata"]["kernel_provisioner"]["config"]
    assert config["environment"] == str(other)
    shutil.rmtree(other)
    (tmp_path / "yarn-site.xml").write_text("<configuration/>")
    shell = home.using(HADOOP_CONF_DIR=str(tmp_path))
    with FrontEnd(shell, tmp_path, content["argv"]) as front:
        assert str(other) in front.error(2)


#: Looks inside a kernel.
LOOK = """
import json, os, sys
names = ["FRUIT", "QUOTED", "BEFORE", "DATA"]
print(json.dumps([os.getcwd(), sys.prefix, answer] + [os.environ[name] for name in names]))
"""


def test_all_options_reach_the_kernel(shell: Shell, environment: Path, tmp_path: Path) -> None:
    specs, work = tmp_path / "specs", tmp_path / "work's"
    specs.mkdir()
    work.mkdir()
    (specs / "data.txt").write_text("from a file beside the specification")
    script = f'export DATA="$(cat data.txt)"\n{RECIPE}'
    spec = write_spec(specs, script)
    spec.write_text(spec.read_text() + "  files: {data.txt: data.txt}\n")
    options = (
        *("--queue", "small", "--memory", "400 MiB", "--vcores", "1", "--timeout", "50"),
        *(
            "--env",
            'FRUIT=apple $HOME "`x`"',
            "--environment",
            environment,
            "--workdir",
            work,
            "--verbose",
        ),
        *("--precmd", "export QUOTED='$HOME \"`x`\" \\n {{PATH}} <CPS> 100%24'"),
        *("--precmd", "export BEFORE=${FRUIT}s", "--launch-arg=--IPKernelApp.exec_lines=answer=42"),
        *("--name", "inside", "--argv", "--json", "--replace"),
    )
    # The kernelspec does not depend on the directory that it was added in.
    added = shell.yarnkernel("kernelspec", "add", "spec.yaml", *options, cwd=specs)
    assert added.ok().document["form"] == "argv"
    shown = shell.yarnkernel("kernelspec", "show", "inside", "--json").ok().document
    with FrontEnd(shell, tmp_path, shown["argv"]) as front:
        front.await_kernel()
        (listed,) = shell.yarnkernel("list", "--json").ok().document
        assert listed["queue"].endswith("small")
        # 300 MiB for the ApplicationMaster, in YARN's steps of 64.
        assert listed["resources"] == {"memory": 704 << 20, "vcores": 1}
        assert json.loads(front.run(LOOK)) == [
            str(work),
            str(environment),
            42,
            'apple $HOME "`x`"',
            '$HOME "`x`" \\n {{PATH}} <CPS> 100%24',
            'apple $HOME "`x`"s',
            "from a file beside the specification",
        ]
        assert "starting " in shell.yarnkernel("logs", front.app_id).ok().out
