"""Which targets a text names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.kernelspecs import kernels_of, write
from yarnkernel.errors import UsageError
from yarnkernel.groups.find import Finder
from yarnkernel.groups.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell

SPECS = ("alpha_one", "alpha_two", "python_kernel1_myserver", "Beta")


@pytest.fixture(scope="module", autouse=True)
def kernelspecs(user_shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    shell = user_shell.using(HOME=str(home))
    for name in SPECS:
        write(kernels_of(shell) / name.lower(), {"argv": ["x", "{connection_file}"]})
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - shell.environment.keys():
            if not name.startswith("PYTEST"):
                patch.delenv(name)
        for name, value in shell.environment.items():
            patch.setenv(name, value)
        yield


def found(text: str, **groups: str) -> dict[str, str]:
    known = {"here": Origin("alpha_one")}
    return {one.label: str(one.origin) for one in Finder(known, groups).find(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpha_one", {"alpha_one": "alpha_one"}),
        ("here", {"here": "alpha_one"}),
        ("kernel1", {"kernel1": "python_kernel1_myserver"}),
        ("python_myserver", {"python_myserver": "python_kernel1_myserver"}),
        ("alpha_two*2", {"alpha_two_1": "alpha_two", "alpha_two_2": "alpha_two"}),
        ("alpha*", {"alpha_one": "alpha_one", "alpha_two": "alpha_two"}),
        ("two, beta,beta", {"two": "alpha_two", "beta": "beta"}),
        ("mine,beta", {"here": "alpha_one", "alpha_two_1": "alpha_two", "beta": "beta"}),
    ],
)
def test_names(text: str, expected: dict[str, str]) -> None:
    assert found(text, mine="here,inner", inner="alpha_two*1") == expected


def test_directories() -> None:
    named = Finder({}, {"both": "beta:/b,two"}).find("both,alpha_one:/a/b c")
    assert {one.label: one.directory for one in named} == {
        "beta": "/b",
        "two": "",
        "alpha_one": "/a/b c",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("alpha", "could be alpha_one, alpha_two"),
        ("nowhere", "is no target, kernelspec or running kernel"),
        ("zz*", "matches no target"),
        ("beta*0", "1 to 200"),
        ("", "names no target"),
        ("loop", "itself"),
        ("beta*150,alpha_one*150", "300 targets"),
    ],
)
def test_what_cannot_be_told(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why.replace("*", r"\*")):
        found(text, loop="beta,loop")
