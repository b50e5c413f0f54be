"""Text of others in what commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.cli.output import Output
from yarnkernel.cli.tables import Table
from yarnkernel.printable import printable

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Shell

EVIL = "evil\x1b]0;title\x07\x1b[31mred\r\x9b2J\u202egnp.exe\nsecond line"
SHOWN = r"evil\x1b]0;title\x07\x1b[31mred\r\x9b2J\u202egnp.exe\nsecond line"


def test_control_characters_are_written_out() -> None:
    assert printable(EVIL) == SHOWN
    assert printable("a\tb\nc\x1b", keep="\n\t") == "a\tb\nc\\x1b"
    assert printable("größer 数 👩‍🔬") == "größer 数 👩‍🔬"


@given(st.text())
def test_nothing_harmful_is_left(text: str) -> None:
    shown = printable(text)
    assert not {
        character for character in shown if ord(character) < 32 or 127 <= ord(character) < 160
    }
    shown.encode()  # no half of a character
    assert len(shown.splitlines()) <= 1


def test_tables_facts_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=False, as_json=False)
    output.table(Table(["NAME", "OTHER"], [[EVIL, "x"], ["plain", "y"]]), None)
    output.facts([("name", EVIL)], f"diagnostics\n  {EVIL}", None)
    output.progress(EVIL)
    output.error(EVIL)
    shown = capsys.readouterr()
    assert shown.out.count(SHOWN) == 2
    for stream in (shown.out, shown.err):
        assert not set("\x1b\x07\r\x9b\u202e") & set(stream)


def test_list_and_status_of_an_application_with_an_evil_name(shell: Shell) -> None:
    name = "evil\x1b]0;title\x07\x1b[31mred"
    app_id = shell.yarnkernel("start", "--name", name).ok().out.strip()
    try:
        for command in (("list",), ("status", app_id), ("list", "--user", "nobody")):
            shown = shell.yarnkernel(*command).ok()
            assert "\x1b" not in shown.out + shown.err
        assert r"evil\x1b]0;title\x07\x1b[31mred" in shell.yarnkernel("list").ok().out
        assert "\x1b" not in shell.yarnkernel("stop", app_id).ok().err
    finally:
        shell.yarnkernel("stop", "--force", app_id)
