"""Lines of several targets, and the line of a magic; without a kernel."""

from __future__ import annotations

import argparse

import pytest

from yarnkernel.errors import UsageError
from yarnkernel.magics import line
from yarnkernel.magics.lines import Lines


def test_half_lines_wait_for_their_end(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(prefixed=True)
    lines.write("a", "stdout", "one\nha")
    lines.write("b", "stdout", "two\n")
    lines.write("a", "stdout", "lf\n")
    assert capsys.readouterr().out == "[a] one\n[b] two\n[a] half\n"


def test_half_lines_that_stay_half(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(prefixed=True)
    lines.write("a", "stdout", "no end")
    lines.end("a")
    lines.write("a", "stdout", " goes on")
    lines.write("b", "stdout", "other\n")
    lines.write("a", "stderr", "wrong\n")
    shown = capsys.readouterr()
    assert shown.out == "[a] no end\n[b] other\n[a]  goes on\n"
    assert shown.err == "[a] wrong\n"


def test_progress_in_one_line_keeps_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(prefixed=True)
    lines.write("a", "stdout", "10 %\r20 %\r")
    lines.end_all()
    assert capsys.readouterr().out == "[a] 10 %\r[a] 20 %\r\n"


def test_one_target_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(prefixed=False)
    lines.write("a", "stdout", "ha")
    lines.write("a", "stdout", "lf")
    lines.end_all()
    assert capsys.readouterr().out == "half"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-k a,b x = '-o'", "x = '-o'"),
        ('-k "a:/b c" -o x  y  =  1', "y  =  1"),
        ("-k=a -s --timeout 5 -- -x", "-x"),
        ("-k a", ""),
        ("--limit 2G -k a {x}", "{x}"),
    ],
)
def test_code_is_taken_to_the_letter(text: str, code: str) -> None:
    options, found = line.read_line(line.cell_parser("%remote"), text)
    assert isinstance(options, argparse.Namespace)
    assert found == code


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-k", "expected one argument"),
        ("--limit many -k a x", "no size"),
        ("--timeout 0 -k a x", "more than 0"),
        ("--timeout never -k a x", "timeout"),
        ("--nothing -k a x", "unrecognized"),
        ("--format --no-format -k a x", "not allowed"),
    ],
)
def test_wrong_options_are_one_line(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        line.read_line(line.cell_parser("%remote"), text)
