"""One table of options: whichever road a value takes, it arrives, or is refused clearly."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import REPOSITORY
from yarnkernel import recipe
from yarnkernel.cli import build_parser, main
from yarnkernel.errors import UsageError
from yarnkernel.jupyter import launcher
from yarnkernel.jupyter.front_end_options import CONFIG, read_config
from yarnkernel.jupyter.launcher_arguments import LAUNCH_TIMEOUT, read_options
from yarnkernel.kernels import arguments
from yarnkernel.kernels.launch_variables import SETTINGS, launch_settings
from yarnkernel.kernels.option_schema import schema
from yarnkernel.kernels.options import OPTIONS, LaunchOptions

if TYPE_CHECKING:
    from yarnkernel.option import Option

VALIDATOR = jsonschema.Draft202012Validator(schema(CONFIG, "test"))
PARSER = build_parser()
#: Text that a process can be given.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
WORDS = st.lists(TEXT, min_size=1, max_size=3)
#: Words that no shell is needed for, with what the kernel needs.
COMMANDS = WORDS.map(lambda words: ["k", *(f"={word}" for word in words), "{connection_file}"])


def values_of(option: Option) -> st.SearchStrategy[Any]:
    """All that an option can be, but what it is without being given."""
    if option.choices:
        return st.sampled_from(option.choices)
    if option.name == "ports":
        return st.integers(1024, 65000).map(lambda first: f"{first}-{first + 99}")
    if option.name == "executors":
        return st.integers(0, 99).map(lambda least: f"{least}-{least + 1}")
    if option.name == "spark_conf":
        return st.lists(TEXT.map(lambda text: f"spark.some={text}"), min_size=1, max_size=3)
    if option.is_path:
        url = TEXT.map(lambda text: f"hdfs://{text}")
        return st.lists(url, min_size=1, max_size=3) if option.kind is list else url
    least, most = option.least, option.most
    kinds: dict[type, st.SearchStrategy[Any]] = {
        str: TEXT,
        int: st.integers(int(least) + option.above, int(most)),
        float: st.floats(least, most, exclude_min=option.above),
        bool: st.just(value=True) if not option.constants else st.booleans(),
        list: COMMANDS if option.as_command else WORDS,
        dict: st.dictionaries(NAMES, TEXT, min_size=1, max_size=3),
    }
    return kinds[option.kind]


def some(table: dict[str, Option]) -> st.SearchStrategy[dict[str, Any]]:
    """Some options, each with a value, of those that the interface among them knows."""
    return (
        st.fixed_dictionaries(
            {},
            optional={name: values_of(option) for name, option in table.items() if name != "spec"},
        )
        .map(known)
        .filter(lambda values: values.get("via") != "skein")
    )


def known(values: dict[str, Any]) -> dict[str, Any]:
    interface = values.get("interface", "yarn")
    found = {k: v for k, v in values.items() if interface in (CONFIG[k].only or [interface])}
    needs_host = interface == "ssh" or "jump" in found
    return {**found, "host": found.get("host", "box")} if needs_host else found


def spelled(values: dict[str, Any]) -> list[str]:
    return [text for name, value in values.items() for text in CONFIG[name].spell(value)]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(some(OPTIONS))
def test_all_commands_take_all_options(values: dict[str, Any]) -> None:
    words = spelled(values)
    renamed = [re.sub("^--name=", "--application-name=", word, count=1) for word in words]
    wanted = LaunchOptions.from_dict(values)
    for command in (
        ["start", *words],
        ["submit", *words],
        ["kernelspec", "add", *renamed],
        ["kernelspec", "set", "yarn", *renamed],
    ):
        options = PARSER.parse_args(command)
        assert LaunchOptions.from_dict(arguments.given(options)) == wanted
    given_to_launcher = [*arguments.to_arguments(values), *spelled({"env": values.get("env", {})})]
    assert read_options([*given_to_launcher, "{connection_file}"]) == LaunchOptions.from_dict(
        {"timeout": LAUNCH_TIMEOUT, **values}
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(some(CONFIG))
def test_kernel_json_takes_all_options(values: dict[str, Any]) -> None:
    launch, own = read_config(json.loads(json.dumps(values)))
    assert {**launch.to_dict(), **own.to_dict()} == {
        name: value for name, value in values.items() if not CONFIG[name].is_default(value)
    }
    VALIDATOR.validate(values)


@given(some({option.name: option for option in SETTINGS.values()}))
def test_variables_of_one_launch(values: dict[str, Any]) -> None:
    texts = {
        f"KERNEL_YARN_{name.upper()}": "true" if value is True else words[0].partition("=")[2]
        for name, value in values.items()
        if (words := OPTIONS[name].spell(value))
    }
    assert launch_settings({**texts, "OTHER": "x"}) == values


def test_what_no_variable_changes() -> None:
    """What a kernelspec is, and how safe it is."""
    names = {option.name for option in SETTINGS.values()}
    assert OPTIONS.keys() - names == {
        *("spec", "files_from", "env", "precmd", "kernel_cmd", "launch_arg", "interrupt_mode"),
        *("encrypt", "own_credentials", "spark_conf"),
        *("interface", "host", "jump", "python", "scheduler_arg", "files", "sync"),
        "with_notebook_dir",
    }


def test_both_spellings_of_a_timeout() -> None:
    """The one that is ours counts."""
    both = {"KERNEL_YARN_TIMEOUT": "7", "KERNEL_LAUNCH_TIMEOUT": "8"}
    assert launch_settings(both) == {"timeout": 7.0}
    assert launch_settings({**both, "KERNEL_YARN_TIMEOUT": ""}) == {"timeout": 8.0}


@given(some({name: option for name, option in OPTIONS.items() if option.recipe}))
def test_what_becomes_the_recipes(values: dict[str, Any]) -> None:
    own = recipe.build_parser()
    told = vars(own.parse_args(LaunchOptions.from_dict(values).recipe_options()))
    defaults = vars(own.parse_args([]))
    for name, option in OPTIONS.items():
        if option.recipe:
            dest = option.recipe.removeprefix("--").replace("-", "_")
            wanted = values.get(name, defaults[dest])
            assert str(told[dest]) == str(wanted) if name == "workdir" else told[dest] == wanted


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-1, 101),
    st.floats(allow_nan=False),
    st.text(),
    st.sampled_from(["auto", "never", "", "a\0"]),
    st.lists(st.one_of(st.text(), st.integers()), max_size=2),
    st.dictionaries(st.text(), st.one_of(st.text(), st.none()), max_size=2),
)


@pytest.mark.parametrize("name", CONFIG)
@settings(max_examples=25)
@given(value=ANYTHING)
def test_schema_says_what_is_checked(name: str, value: Any) -> None:
    values = {name: value}
    if CONFIG[name].only:
        values = {"host": "box", "interface": CONFIG[name].only[-1], **values}
        values = {name: value, **known(values)} if name != "interface" else values
    if not VALIDATOR.is_valid(values):
        with pytest.raises(UsageError) as caught:
            read_config(values)
        assert "\n" not in str(caught.value)
    # Whose words no schema reads.
    elif name not in ("kernel_cmd", "ports", "executors", "spark_conf"):
        read_config(values)


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)
    assert not VALIDATOR.is_valid({"queu": "small"})


#: By option: a text that is no value, and what is said of it.
WRONG = {
    "vcores": ("0", "'0' is not a whole number above 0 and at most 2147483647"),
    "priority": ("high", "'high' is not a whole number from 0 to 2147483647"),
    "lifetime": ("-1", "'-1' is not a number of seconds above 0 and at most 3153600000"),
    "via": ("air", "'air' is not one of auto, direct, skein"),
    "encrypt": ("some", "'some' is not one of never, auto, required"),
    "timeout": ("inf", "'inf' is not a number of seconds above 0 and at most 1728000"),
    "start_timeout": ("0", "'0' is not a number of seconds above 0 and at most 1000000000"),
    "max_restarts": ("0.5", "'0.5' is not a whole number from 0 to 999999999"),
    "memory_guard": ("101", "'101' is not a percentage from 0 to 100"),
    "orphan_timeout": ("nan", "'nan' is not a number of seconds from 0 to 1000000000"),
    "idle_timeout": ("2e9", "'2e9' is not a number of seconds from 0 to 1000000000"),
    "max_lifetime": ("soon", "'soon' is not a number of seconds from 0 to 1000000000"),
    "env": ("secret", "'secret' is not NAME=VALUE"),
    "kernel_cmd": ("'", '"\'" is no command: No closing quotation'),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_on_command_lines(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, reason = WRONG[name]
    wrong = f"{OPTIONS[name].flag}={text}"
    for command in (
        ["start"], ["submit"], ["kernelspec", "add"], ["kernelspec", "set", "yarn"],
    ):  # fmt: skip
        assert main([*command, wrong]) == 2
        shown = capsys.readouterr()
        assert (shown.out, shown.err.count("\n")) == ("", 1)
        assert f"{'/'.join(OPTIONS[name].flags)}: {reason}; next: " in shown.err
    assert launcher.main([wrong, "kernel.json"]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert f"{'/'.join(OPTIONS[name].flags)}: {reason}" in shown.err


@pytest.mark.parametrize("name", [name for name in WRONG if OPTIONS[name].per_launch])
def test_wrong_in_variables(name: str) -> None:
    text, reason = WRONG[name]
    variable = f"KERNEL_YARN_{name.upper()}"
    with pytest.raises(UsageError) as caught:
        launch_settings({variable: text})
    assert str(caught.value) == f"{variable}, the option {name!r}: {reason}"


def test_launcher_as_a_process() -> None:
    """What is wrong on its command line, and in a variable."""
    for argument, variable in (("--vcores=0", ""), ("--vcores=1", "many")):
        ended = subprocess.run(
            [sys.executable, "-m", "yarnkernel.jupyter.launcher", argument, "kernel.json"],
            env={"KERNEL_YARN_VCORES": variable, "PATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


def test_reference_is_current() -> None:
    script = REPOSITORY / "scripts/options-reference"
    subprocess.run([sys.executable, script, "--check"], check=True, timeout=60)
