"""``kernelspec set``: some options change, and all else stays as it was."""

from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.conftest import BIN, REPOSITORY, Shell
from tests.support.kernelspecs import edit_config, kernels_of, read, write
from yarnkernel.jupyter.launcher_arguments import read_options
from yarnkernel.kernels.options import LaunchOptions

if TYPE_CHECKING:
    from pathlib import Path

FORMS = pytest.mark.parametrize("form", [(), ("--argv",)], ids=["provisioner", "argv"])
COMMAND = "k -f {connection_file}"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def told(directory: Path) -> LaunchOptions:
    """What the kernelspec's command says."""
    argv = read(directory)["argv"]
    return read_options(argv[argv.index("--spec") :])


@FORMS
def test_some_change_and_the_rest_stays(home: Shell, form: tuple[str, ...]) -> None:
    add = ("kernelspec", "add", *form, "--name", "mine", "--queue", "small", "--env", "A={a} b")
    home.yarnkernel(*add, "--kernel-cmd", COMMAND, "--precmd", "x", "--timeout", "300").ok()
    directory = kernels_of(home) / "mine"
    content = read(directory)
    # What somebody has added by hand.
    content |= {"env": {"X": "1"}}
    content["metadata"]["mine"] = "too"
    content["argv"][0] = "/other/python"
    content["argv"] += ["--quiet"]
    write(directory, content)
    changes = ("--memory", "2 GiB", "--idle-timeout", "0", "--env", "B=2", "--precmd=-y {=z}")
    result = home.yarnkernel("kernelspec", "set", "mine", *changes, "--display-name", "Mine").ok()
    assert result.out == f"{directory}\n"
    assert f"Mine in {directory} is changed" in result.err
    changed = read(directory)
    assert (changed["argv"][0], changed["argv"][-2:]) == (
        "/other/python",
        ["{connection_file}", "--quiet"],
    )
    values: dict[str, Any] = {
        "queue": "small",
        "memory": "2 GiB",
        "env": {"A": "{a} b", "B": "2"},
        "kernel_cmd": COMMAND.split(),
        "precmd": ["-y {=z}"],
        "idle_timeout": 0,
        "timeout": 300,
        "launch_arg": ["--quiet"],
        "spec": f"{directory}/spec.yaml",
    }
    assert told(directory) == LaunchOptions.from_dict(values)
    if not form:
        del values["launch_arg"]
        config = changed["metadata"]["kernel_provisioner"].pop("config")
        assert config == {**values, "spec": "spec.yaml"}
        content["metadata"]["kernel_provisioner"].pop("config")
    else:
        assert changed["metadata"].pop("yarnkernel") == {"env": values["env"]}
        content["metadata"].pop("yarnkernel")
    del content["argv"], changed["argv"]
    assert changed == {**content, "display_name": "Mine"}
    assert sorted(path.name for path in directory.iterdir()) == [
        *("kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg", "spec.yaml"),
    ]


@FORMS
def test_back_to_the_defaults(home: Shell, form: tuple[str, ...]) -> None:
    """First what is unset, then what is set: so variables are replaced."""
    add = ("kernelspec", "add", *form, "--queue", "small", "--env", "A=1", "--env", "B=2")
    home.yarnkernel(*add, "--timeout", "9", "--verbose", "--no-encrypt").ok()
    assert read(kernels_of(home) / "yarn")["display_name"] == "Python (YARN, small)"
    unset = [f"--unset={name}" for name in ("queue", "timeout", "verbose", "encryption", "env")]
    home.yarnkernel("kernelspec", "set", "yarn", *unset, "--env", "C=3").ok()
    directory = kernels_of(home) / "yarn"
    spec = f"{directory}/spec.yaml"
    assert told(directory) == LaunchOptions(spec=spec, env={"C": "3"}, timeout=55)
    # Nobody has chosen it, so that it goes with the size.
    assert read(directory)["display_name"] == "Python (YARN)"
    home.yarnkernel("kernelspec", "set", "yarn", "--unset=env").ok()
    plain = home.yarnkernel("kernelspec", "add", *form, "--name", "plain").ok().out.strip()
    other = read(kernels_of(home) / "plain")
    assert str(read(directory)["metadata"]) == str(other["metadata"])
    assert [part.replace(plain, str(directory)) for part in other["argv"]] == read(directory)[
        "argv"
    ]


@FORMS
def test_who_can_read_it(home: Shell, form: tuple[str, ...]) -> None:
    """Variables of a user's own kernelspec are the user's alone, from the first one on."""
    for name, options in (("open", ()), ("closed", ("--env", "A=1"))):
        home.yarnkernel("kernelspec", "add", *form, "--name", name, *options).ok()
        path = kernels_of(home) / name / "kernel.json"
        before = mode(path)
        home.yarnkernel("kernelspec", "set", name, "--queue", "small").ok()
        assert mode(path) == before == (0o644 if name == "open" else 0o600)
        result = home.yarnkernel("kernelspec", "set", name, "--env", "B=secret").ok()
        assert mode(path) == 0o600
        assert "who can read" not in result.err
        assert "secret" not in " ".join(read(path.parent)["argv"])
        assert told(path.parent).env["B"] == "secret"


def test_shared_kernelspec(home: Shell, tmp_path: Path) -> None:
    """One that others use stays theirs to read, which is said of variables."""
    home.yarnkernel("kernelspec", "add", "--prefix", "shared").ok()
    shell = home.using(JUPYTER_PATH=f"{tmp_path}/shared/share/jupyter")
    result = shell.yarnkernel("kernelspec", "set", "yarn", "--env", "A=1").ok()
    directory = tmp_path / "shared/share/jupyter/kernels/yarn"
    assert f"warning: who can read {directory} can read the kernel's variables (A)" in result.err
    assert mode(directory / "kernel.json") == 0o644


def test_another_specification(home: Shell, tmp_path: Path) -> None:
    """It is copied, and its files are looked for beside it; those of the one before are not."""
    first, second = tmp_path / "first", tmp_path / "second"
    text = (REPOSITORY / "specs/ipython.yaml").read_text()
    for directory in (first, second):
        directory.mkdir()
        (directory / "spec.yaml").write_text(text)
    (first / "data.txt").write_text("")
    with (first / "spec.yaml").open("a") as spec:
        spec.write("  files: {data.txt: data.txt}\n")
    home.yarnkernel("kernelspec", "add", "--queue", "small").ok()
    installed = kernels_of(home) / "yarn"
    for directory, files_from in ((first, str(first)), (second, "")):
        home.yarnkernel("kernelspec", "set", "yarn", "--spec", directory / "spec.yaml").ok()
        assert (installed / "spec.yaml").read_text() == (directory / "spec.yaml").read_text()
        options = told(installed)
        assert (options.files_from, options.queue) == (files_from, "small")
        shown = home.yarnkernel("kernelspec", "show", "yarn", "--json").ok().document
        assert bool(shown["specification"]["master"]["files"]) == bool(files_from)


def test_another_kernel(home: Shell) -> None:
    """What front ends may expect of a kernel goes with its command."""
    home.yarnkernel("kernelspec", "add", "--name", "plain").ok()
    plain = read(kernels_of(home) / "plain")
    set_ = ("kernelspec", "set", "plain")
    home.yarnkernel(*set_, "--kernel-cmd", COMMAND, "--language", "R").ok()
    changed = read(kernels_of(home) / "plain")
    assert (changed["interrupt_mode"], changed["language"]) == ("signal", "R")
    assert set(changed["metadata"]) == {"kernel_provisioner"}
    home.yarnkernel(*set_, "--unset", "kernel-cmd", "--language", "python").ok()
    assert read(kernels_of(home) / "plain") == plain


def test_what_front_ends_alone_know(home: Shell) -> None:
    home.yarnkernel("kernelspec", "add", "--keep", "--allowed-env", "A", "--allowed-env=B").ok()
    directory = kernels_of(home) / "yarn"
    home.yarnkernel("kernelspec", "set", "yarn", "--no-keep", "--unset=allowed-envs").ok()
    config = read(directory)["metadata"]["kernel_provisioner"]["config"]
    assert config == {"keep": False, "spec": "spec.yaml"}
    for command in (("add", "--name", "x", "--argv"), ("set", "argv")):
        home.yarnkernel("kernelspec", "add", "--argv", "--name", "argv", "--replace").ok()
        error = home.yarnkernel("kernelspec", *command, "--keep").error(2)
        assert "--keep is for the provisioner, which this kernelspec does not name" in error


@FORMS
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "there is nothing to change; next: yarnkernel kernelspec set --help"),
        (("--unset", "spec"), "invalid choice: 'spec'"),
        (("--unset", "queu"), "invalid choice: 'queu'"),
        (("--memory", "lots"), "--memory 'lots'"),
        (("--kernel-cmd", "R"), "has no {connection_file} in it: R"),
        (("--environment", "gone"), "there is no environment "),
        (("--spec", "gone.yaml"), "cannot read the specification gone.yaml: No such file"),
        (("--via", "skein", "--lifetime", "9"), "--lifetime=9 needs the direct way"),
        (("--name", "other"), "unrecognized arguments: --name other"),
    ],
)
def test_what_cannot_be(
    home: Shell, form: tuple[str, ...], arguments: tuple[str, ...], reason: str
) -> None:
    """Nothing is changed then."""
    home.yarnkernel("kernelspec", "add", *form).ok()
    before = read(kernels_of(home) / "yarn")
    result = home.yarnkernel("kernelspec", "set", "yarn", *arguments)
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
    assert reason in result.err
    assert read(kernels_of(home) / "yarn") == before


def test_what_is_edited(home: Shell) -> None:
    home.yarnkernel("kernelspec", "add").ok()
    directory = kernels_of(home) / "yarn"
    edit_config(directory, vcores="2")
    for arguments in (("show", "yarn"), ("set", "yarn", "--queue", "small")):
        result = home.yarnkernel("kernelspec", *arguments)
        assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
        assert f"in {directory} cannot be used: the option 'vcores' has to be a" in result.err
    # The way out is the same command.
    home.yarnkernel("kernelspec", "set", "yarn", "--vcores", "2").ok()
    assert told(directory).vcores == 2
    edit_config(directory, env=None)
    assert "the option 'env' has to be" in home.yarnkernel(
        "kernelspec", "set", "yarn", "--queue", "small"
    ).error(2)
    home.yarnkernel("kernelspec", "set", "yarn", "--env", "A=1").ok()
    assert told(directory).env == {"A": "1"}
    assert "there is no kernelspec 'gone'" in home.yarnkernel(
        "kernelspec", "set", "gone", "--queue", "small"
    ).error(2)


def test_directory_that_cannot_be_written_to(home: Shell) -> None:
    """On a file system that is mounted for reading alone, as root sees them, too."""
    home.yarnkernel("kernelspec", "add").ok()
    directory = kernels_of(home) / "yarn"
    before = read(directory)
    command = f'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && "{BIN}/yarnkernel"'
    words = ["sh", "-c", f"{command} kernelspec set yarn --queue small", "sh", str(directory)]
    unshare = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("this system lets nobody mount anything")
    error = home.run(*unshare, *words).error(2)
    assert f"cannot write the kernelspec {directory}: Read-only file system" in error
    assert read(directory) == before


@pytest.mark.parametrize("options", [(), ("--idle-timeout", "0", "--keep", "--env", "A=1")])
def test_schema(home: Shell, options: tuple[str, ...]) -> None:
    """What is written is what the schema says."""
    schema = home.yarnkernel("kernelspec", "schema").ok().document
    assert home.yarnkernel("kernelspec", "schema", "--json").ok().document == schema
    home.yarnkernel("kernelspec", "add", *options).ok()
    home.yarnkernel("kernelspec", "set", "yarn", "--vcores", "3", *options).ok()
    config = read(kernels_of(home) / "yarn")["metadata"]["kernel_provisioner"]["config"]
    jsonschema.Draft202012Validator(schema).validate(config)
