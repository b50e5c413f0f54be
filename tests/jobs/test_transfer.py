"""Archives in pieces, what is refused of them, and what decides which side is newer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from yarnkernel.deadline import Deadline
from yarnkernel.errors import HostError
from yarnkernel.hosts import streams, tree
from yarnkernel.hosts.here import Here
from yarnkernel.hosts.transfer import fetch, send
from yarnkernel.jobs.sync_plan import make_plan


def entry(content: str) -> list[Any]:
    return ["f", 1, 1, content, 0o644]


def test_what_changes_under_our_hands_is_left_alone(tmp_path: Path) -> None:
    """A file that is written to after it was looked at is not replaced."""
    (tmp_path / "source").write_text("new")
    (target := tmp_path / "there").mkdir()
    (target / "file").write_text("written meanwhile")
    done = send(
        Here(),
        {"file": str(tmp_path / "source")},
        str(target),
        Deadline(10),
        {"file": entry("as it was")},
    )
    assert done["refused"] == {"file": "it has changed meanwhile"}
    assert (target / "file").read_text() == "written meanwhile"


@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/tmp/escaped", "link/escaped"])  # noqa: S108
def test_nothing_leaves_the_directory(tmp_path: Path, name: str) -> None:
    """Whatever the other side sends."""
    (tmp_path / "source").write_text("evil")
    (target := tmp_path / "target").mkdir()
    (target / "link").symlink_to(tmp_path)
    done = fetch(
        Here(), {name: str(tmp_path / "source")}, target, Deadline(10), {name.strip("/"): None}
    )
    assert list(done["refused"]) == [name] or name.startswith("/")
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/escaped").exists()  # noqa: S108


def test_what_both_sides_have_decides() -> None:
    one, two = entry("1"), entry("2")
    base = {"a": ["f", "1", 0], "d": ["d", "", 0]}
    assert tree.identity(one) == base["a"]
    assert make_plan({"a": two}, {"a": one}, base).send == ["a"]
    assert make_plan({"a": one}, {"a": two}, base).fetch == ["a"]
    assert make_plan({"a": one}, {"a": two}, {}).conflicts.keys() == {"a"}
    assert make_plan({}, {"a": one}, base).gone_here == ["a"]
    assert make_plan({"a": one}, {}, base).gone_there == ["a"]
    assert make_plan({}, {"a": two}, base).conflicts.keys() == {"a"}
    below = make_plan({"d": one}, {"d": ["d", 0, 0, "", 0o755], "d/x": one}, base)
    assert (set(below.conflicts), below.fetch) == ({"d"}, [])


def test_stream_that_nobody_feeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.2)
    streams.stream_in("token", str(tmp_path / "whole"), None, True)  # noqa: FBT003
    time.sleep(0.5)
    with pytest.raises(ValueError, match="nothing comes"):
        streams.finish("token")
    assert list(tmp_path.iterdir()) == []


def test_lost_stream_is_an_error() -> None:
    nobodys = "nobody's"
    with pytest.raises(HostError, match="the line was lost"):
        Here().stream("feed", 1.0, token=nobodys, data="")
