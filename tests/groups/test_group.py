"""Code on kernels of several places at once: on YARN, on a host by ssh, here, in Python and R."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import yarnkernel
from tests.conftest import finish, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell

#: Prints, displays, prints and raises, on both streams.
MIXED = """
import sys
from IPython.display import HTML, display
for number in range(3):
    print("out", number, flush=True)
    display(HTML(f"<b>{number}</b>"))
    print("err", number, file=sys.stderr, flush=True)
raise ValueError("at the end")
"""
WHERE = ("on_yarn", "on_box", "python3")


@pytest.fixture(scope="module")
def group(as_user: None) -> Iterator[yarnkernel.Group]:  # noqa: ARG001
    with yarnkernel.Group(WHERE) as group:
        yield group


def test_all_at_once(group: yarnkernel.Group) -> None:
    heard: list[tuple[str, str]] = []
    result = group.execute(
        "import os, time\ntime.sleep(2)\nhome = os.environ['HOME']\nprint(given[place])\nhome",
        push={"given": {"a": 1}, "place": "a"},
        pull=["home", "nothing"],
        on_output=lambda label, output: heard.append((label, output.text)),
    ).check()
    assert set(result) == set(group.labels) == set(WHERE)
    assert sorted(one for one in heard if one[1] == "1\n") == [
        (one, "1\n") for one in sorted(WHERE)
    ]
    homes = {one.values["home"] for one in result.values()}
    assert len(homes) >= 2, "places differ in it"
    for one in result.values():
        assert one.value == repr(one.values["home"])
        assert one.problems == {"nothing": "there is no variable of this name"}


def test_mixed_outputs_keep_their_order(group: yarnkernel.Group) -> None:
    """Report B15: what is displayed is not lost, and what a cell that raises has shown neither."""
    result = group.execute(MIXED)
    for one in result.values():
        shown = [
            output.data.get("text/html", "")
            if isinstance(output, yarnkernel.Display)
            else output.text
            for output in one.outputs
        ]
        assert shown == [
            text for n in range(3) for text in (f"out {n}\n", f"<b>{n}</b>", f"err {n}\n")
        ]
        assert one.error is not None
        assert (one.error.name, one.error.value) == ("ValueError", "at the end")
        assert "7 raise" in str(one.error)
    with pytest.raises(
        yarnkernel.GroupError, match="3 of 3 targets failed\nValueError: at the end"
    ):
        result.check()


def test_code_for_each(group: yarnkernel.Group) -> None:
    codes = {label: f"{number} + 1" for number, label in enumerate(WHERE)}
    assert [one.value for one in group.execute(codes).values()] == ["1", "2", "3"]
    with pytest.raises(yarnkernel.UsageError, match="no code for on_box, python3"):
        group.execute({"on_yarn": "1"})


def test_values_that_cannot_travel(group: yarnkernel.Group) -> None:
    """Report B16: they are an error of their name alone, and the kernels are as good as before."""
    code = """
import numpy, pandas
class There: pass
wrong, unknown, large = (lambda: 1), There(), numpy.zeros(10**6)
frame = pandas.DataFrame({"a": numpy.arange(3)})
"""
    names = ["wrong", "unknown", "large", "frame"]
    for one in group.execute(code, pull=names, limit=10**6).check().values():
        assert list(one.values) == ["frame"]
        assert one.values["frame"].equals(pd.DataFrame({"a": np.arange(3)}))
        assert "next: --pickle" in one.problems["wrong"]
        assert "8.0 MB, and 1.0 MB is the limit" in one.problems["large"]
    for one in group.execute("1", pull=names[:2], pull_pickles=True).check().values():
        assert "pickle" in one.problems["wrong"].lower()
        assert "There" in one.problems["unknown"]
    pushed = group.execute("'own' in dir()", push={"own": lambda: 1, "n": 1}, push_pickles=True)
    for one in pushed.check().values():
        assert one.value == "False"
        assert list(one.problems) == ["own"]


def test_104_megabytes(group: yarnkernel.Group) -> None:
    """More than the limit by default, and than one message takes."""
    array = np.arange(13_000_000.0)
    result = group.execute(
        {"on_yarn": "back = 1", "on_box": "back = array[::-1].copy()", "python3": "back = 3"},
        push=lambda label: {"array": array} if label == "on_box" else {},
        pull=["back"],
        limit=105_000_000,
    )
    assert [one.problems for one in result.check().values()] == [{}] * 3
    assert np.array_equal(result["on_box"].values["back"], array[::-1])


def test_target_that_dies_in_the_middle(group: yarnkernel.Group) -> None:
    code = dict.fromkeys(WHERE, "import time; time.sleep(3); print('done')")
    code["on_box"] = "kept = 1; print('last words', flush=True)\n"
    code["on_box"] += "import os, time; time.sleep(0.5); os._exit(3)"
    result = group.execute(code)
    assert [one.text for one in result.values() if one.ok] == ["done\n"] * 2
    assert result["on_box"].text.startswith("last words\n")
    error = result["on_box"].error
    assert error is not None
    assert "exit code 3" in error.value
    assert "without variables" in error.value
    after = group.execute("'kept' in dir()").check()
    assert after["on_box"].value == "False"


def test_target_that_is_ended_under_its_code(as_user: None, user: Shell) -> None:  # noqa: ARG001
    """Its end is noticed at once, also where its store cannot tell any more."""
    with yarnkernel.Group("python3*2") as group:
        run = group.execute_soon("import time; print('begun', flush=True); time.sleep(600)")
        wait_for(lambda: all(run.outputs.values()), 30, "both have begun")
        (kernel,) = re.findall(r"python3_1: (\S+)", repr(group))
        user.yarnkernel("stop", "--force", kernel).ok()
        # Sooner than its watch, which waits for half a minute of silence.
        error = wait_for(lambda: run.result()["python3_1"].error, 9, "its end is noticed")
        assert (error.name, "KILLED" in error.value) == ("KernelEnded", True)
        run.interrupt()
        assert not run.wait().ok
        assert group.execute("1").ok


def test_late_code_is_interrupted(group: yarnkernel.Group) -> None:
    with pytest.raises(yarnkernel.ExecutionTimeoutError, match="longer than 2 s"):
        group.execute("import time; time.sleep(200)", timeout=2)
    assert group.execute("1 + 1").check()["on_box"].value == "2"


def test_input_of_one_and_of_several(group: yarnkernel.Group) -> None:
    result = group.execute("input('Who? ')", on_input=lambda _, prompt: f"asked {prompt}")
    assert {one.error.name for one in result.values() if one.error} == {"StdinNotImplementedError"}
    with yarnkernel.Group("python3") as one:
        answered = one.execute("input('Who? ')", on_input=lambda label, prompt: label + prompt)
        assert answered.check()["python3"].value == "'python3Who? '"


def test_r(as_user: None) -> None:  # noqa: ARG001
    with yarnkernel.Group("ir") as group:
        result = group.execute(
            "frame <- data.frame(a = c(1.5, 2), b = c('x', 'é'))\ncat(text, length(list_of))",
            push={"text": "ä\"'", "list_of": [1, 2, 3], "bad": b"bytes"},
            pull=["frame", "nothing"],
        ).check()["ir"]
        assert result.text == "ä\"' 3"
        assert result.values["frame"] == {"a": [1.5, 2], "b": ["x", "é"]}
        assert result.problems.keys() == {"bad", "nothing"}


@pytest.mark.parametrize(
    ("targets", "options", "why"),
    [
        ("python3", {"memoy": "1 GiB"}, "memoy"),
        ("python3,ir", {"queue": "research"}, "--queue is nothing for --interface local"),
        ("nowhere", {}, "is no target"),
    ],
)
def test_wrong_targets_and_options(
    as_user: None,  # noqa: ARG001
    targets: str,
    options: dict[str, Any],
    why: str,
) -> None:
    with pytest.raises(yarnkernel.UsageError, match=why):
        yarnkernel.Group(targets, **options)


def test_eight_at_once(as_user: None) -> None:  # noqa: ARG001
    with yarnkernel.Group("python3*8") as group:
        result = group.execute("import time; time.sleep(3); 6 * 7").check()
        assert [one.value for one in result.values()] == ["42"] * 8
        begun = group.execute("import time; begin = time.time(); time.sleep(2.2)", pull=["begin"])
        moments = [one.values["begin"] for one in begun.check().values()]
        assert max(moments) - min(moments) < 8, "one after the other it would be 15"


def test_running_kernel_by_id_and_name(as_user: None, user: Shell) -> None:  # noqa: ARG001
    start = ("start", "--interface", "local", "--name", "shared")
    kernel = user.yarnkernel(*start, "--python", sys.executable).ok().out.strip()
    try:
        with yarnkernel.Group("shared") as group:
            assert group.execute("x = 7").ok
        with yarnkernel.Group(kernel) as group:
            assert group.execute("x").check()[kernel].value == "7"
            with pytest.raises(yarnkernel.UsageError, match="runs already"):
                yarnkernel.Group(kernel, memory="1 GiB")
            group.restart()
            assert group.execute("'x' in dir()").check()[kernel].value == "False"
        assert user.yarnkernel("list", "--ids").ok().out.split().count(kernel) == 1, "it goes on"
    finally:
        user.yarnkernel("stop", "--force", kernel).ok()


KILLED = """
import os, sys, yarnkernel
group = yarnkernel.Group(sys.argv[1])
kept = yarnkernel.Group("python3", keep=True, name="kept")
assert group.execute("1").ok and kept.execute("1").ok
print("ready", flush=True)
group.execute("import time; time.sleep(600)")
"""


def test_kernels_end_with_a_session_that_is_killed(user: Shell) -> None:
    before = set(user.yarnkernel("list", "--ids").ok().out.split())
    process = user.start(sys.executable, "-c", KILLED, ",".join(WHERE))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", finish(process)
    os.kill(process.pid, signal.SIGKILL)
    finish(process)

    def left() -> list[str]:
        rows = user.yarnkernel("list", "--json").ok().document
        return [one["name"] for one in rows if one.get("id", one.get("app_id")) not in before]

    wait_for(lambda: left() == ["kept"], 60, "all but the one that is kept have ended")
    (kept,) = set(user.yarnkernel("list", "--ids").ok().out.split()) - before
    user.yarnkernel("stop", "--force", kept).ok()


INTERRUPTED = """
import signal, sys, yarnkernel
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs tests may have it ignored
with yarnkernel.Group("python3*2") as group:
    slow = "import time\\nprint('begun', flush=True)\\ntry:\\n    time.sleep(600)\\n"
    codes = [slow + "finally: pass", slow + "except KeyboardInterrupt:\\n    time.sleep(600)"]
    group.execute("1")
    show = lambda label, output: print(output.text, end="", flush=True)
    try:
        group.execute(dict(zip(group.labels, codes)), on_output=show)
    except yarnkernel.LeftRunningError as exc:
        print(exc, flush=True)
"""


def test_ctrl_c_interrupts_and_the_second_leaves(user: Shell) -> None:
    process = user.start(sys.executable, "-c", INTERRUPTED, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stderr is not None
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if "python3_2: is interrupted" in line:
            break
    wait_for(lambda: process.poll() is None, 1, "it waits for who goes on")
    process.send_signal(signal.SIGINT)
    out, err = finish(process)
    assert process.returncode == 0, err
    assert "still running; next: wait() again" in out
