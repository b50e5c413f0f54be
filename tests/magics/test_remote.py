"""``%%remote`` in a notebook, with kernels on YARN, on a host by ssh and here."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import wait_for
from tests.groups.conftest import bare_python, box, user
from tests.jupyter.front_ends.notebooks import outputs, write_notebook
from tests.magics.notebook import Notebook, Shown, open_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Shell

__all__ = ["bare_python", "box", "user"]

WHERE = "on_yarn,on_box,python3"
#: Prints, displays, prints and raises, on both streams.
MIXED = """\
import sys
from IPython.display import HTML, display
print("one", flush=True)
display(HTML("<b>two</b>"))
print("three", file=sys.stderr, flush=True)
"four"
"""
#: Works until it is interrupted, and does not heed the first time if it is stubborn.
LOOP = "%%remote -k {where}\nimport time\nprint('begun', flush=True)\ntime.sleep(600)"
STUBBORN = (
    "%%remote -k {where}\nimport time\nprint('begun', flush=True)\n"
    "try: time.sleep(600)\nexcept KeyboardInterrupt: time.sleep(6); print('late')"
)


@pytest.fixture(scope="module")
def notebook(user: Shell) -> Iterator[Notebook]:
    with open_notebook(user) as notebook:
        notebook.run("run_magic = get_ipython().run_cell_magic")
        yield notebook


def test_readme_of_remote_exec(notebook: Notebook, user: Shell) -> None:
    """Its examples as they stand there, but for the names of the kernels."""
    for number in (1, 2):
        directory = user.directory / f"system {number}"
        directory.mkdir()
        (directory / f"file{number}.txt").write_text(f"{number} 2\n3 4\n")
    first, second = f"python3:{user.directory}/system 1", "on_yarn:/tmp"
    shown = notebook.run(
        "%%remote_exec -k python3,on_yarn -o x,y\nimport numpy as np\n"
        "x = np.linspace(0,6)\ny = np.sin(x)"
    )
    assert shown.error == ""
    value = "(python3.x == on_yarn.x).all(), python3.y.shape, round(float(on_yarn.y[9]), 3)"
    assert notebook.value(value) == "(np.True_, (50,), 0.892)"
    names = {"python3": "file1.txt", "on_yarn": f"{user.directory}/system 2/file2.txt"}
    notebook.run(f"filenames = {names!r}")
    shown = notebook.run(
        f'%%remote_exec -k "{first},{second}" -o x,y -i filenames\n'
        'import numpy as np\nx, y = np.loadtxt("{filenames}").T'
    )
    assert (shown.error, shown.text) == ("", "")
    assert notebook.value("python3.x.tolist(), on_yarn.x.tolist()") == "([1.0, 3.0], [2.0, 3.0])"
    assert notebook.run("%remote_exec -k python3,on_yarn import sys, numpy").text == ""
    notebook.run(
        "%%remote_exec -k python3 -o there\nthere = [os.getcwd(), pickle.__name__, 'np' in dir()]"
    )
    assert notebook.value("python3.there[1:]") == "['pickle', True]"
    # A part of the name, a restart before the code, code that fails.
    notebook.run("%%remote_exec -k thon3 -o there -s\nthere = 'np' in dir()")
    assert notebook.value("thon3.there") == "False"
    failed = notebook.run("%%remote_exec -k python3,on_yarn\n1/0")
    assert failed.error == "", "the next cells are run, as there"
    assert "division by zero (as on " in failed.text


def test_outputs_are_told_apart_and_in_order(notebook: Notebook) -> None:
    """Report B15."""
    shown = notebook.run(f"%%remote -k {WHERE}\n{MIXED}")
    assert shown.error == ""
    for label in WHERE.split(","):
        own = [line for line in shown.text.splitlines() if line.startswith((f"[{label}]", "<b>"))]
        lines = [line for line in own if line != "<b>two</b>"]
        assert lines == [f"[{label}]{text}" for text in (" one", "", " three", " 'four'")]
    tagged = [
        one["metadata"]["yarnkernel"]["target"] for one in shown.outputs if one.get("metadata")
    ]
    assert sorted(tagged) == sorted(WHERE.split(","))
    alone = notebook.run(f"%%remote -k python3\n{MIXED}raise ValueError('x' * 3)")
    assert alone.text.startswith("one\n<b>two</b>\nthree\n")
    assert "GroupError: ValueError: xxx (on python3)" in alone.error


def test_long_output_stays_linear(notebook: Notebook) -> None:
    """What is shown of it is as long as it is: nothing is sent again and again."""
    code = "import time\nfor n in range(40): print('x' * 50_000, flush=True); time.sleep(0.05)"
    shown = notebook.run(f"%%remote -k on_yarn,python3\n{code}")
    assert (shown.error, shown.stream("stderr")) == ("", "")
    assert 2 * 40 * 50_001 <= len(shown.stream("stdout")) < 2 * 40 * 50_100


def test_plots_widgets_and_displays_that_change(notebook: Notebook) -> None:
    code = """\
import matplotlib.pyplot as plt, ipywidgets
from IPython.display import display
plt.figure(figsize=(1, 1)); plt.plot([1, 2]); plt.show()
display(ipywidgets.IntSlider())
handle = display("old", display_id=True); handle.update("new")
"""
    shown = notebook.run(f"%%remote -k on_box,python3\n%matplotlib inline\n{code}")
    assert shown.error == ""
    kinds = [key for one in shown.outputs for key in one.get("data", {})]
    assert kinds.count("image/png") == 2
    assert not [kind for kind in kinds if "widget" in kind]
    assert shown.text.count("widgets of a target cannot be used here") == 1
    assert shown.text.count("IntSlider") == 2
    assert shown.text.count("'new'") == 2
    assert "'old'" not in shown.text


def test_progress_after_two_seconds_names_who_is_late(notebook: Notebook) -> None:
    seen: list[str] = []
    notebook.run("pause = {'on_box': 5, 'python3': 0}")
    shown = notebook.run(
        "%%remote -k on_box,python3 -i pause\nimport time; time.sleep(pause)",
        meanwhile=lambda so_far: seen.append(so_far.bar),
    )
    assert any("1 of 2 done" in text and "on_box" in text for text in seen)
    assert "2 of 2 done" in shown.bar
    assert "the slowest: on_box" in shown.bar


def interrupt_once_begun(notebook: Notebook, count: int, times: int = 1) -> object:
    """Interrupt the notebook when so many targets have begun, and again when it has said so."""
    done: list[int] = []

    def look(shown: Shown) -> None:
        begun = shown.text.count("begun") >= count
        said = shown.text.count("is interrupted") >= count
        if (begun and not done) or (said and 0 < len(done) < times):
            done.append(1)
            notebook.manager.interrupt_kernel()

    return look


def test_ctrl_c_interrupts_all(notebook: Notebook) -> None:
    shown = notebook.run(LOOP.format(where=WHERE), meanwhile=interrupt_once_begun(notebook, 3))  # type: ignore[arg-type]
    assert "3 of 3 targets failed" in shown.error
    assert "KeyboardInterrupt" in shown.error
    assert notebook.run(f"%%remote -k {WHERE}\nprint(6 * 7)").text.count("42") == 3


def test_second_ctrl_c_leaves_them_and_the_result_comes_later(notebook: Notebook) -> None:
    shown = notebook.run(
        STUBBORN.format(where="on_box,python3"),
        meanwhile=interrupt_once_begun(notebook, 2, times=2),  # type: ignore[arg-type]
    )
    assert "still running; next: %remote result" in shown.error
    shown = notebook.run("%remote result")
    assert shown.text.count("late") == 2
    assert "<GroupResult" in shown.text


def test_without_waiting(notebook: Notebook) -> None:
    """Report B17, too: one is stopped while the other prints."""
    code = "import time\nfor n in range(6): print(n, flush=True); time.sleep(0.5)\nx = n"
    where = "python3*2,on_yarn"
    notebook.run(f"%remote start {where}")
    notebook.run(f"handle = run_magic('remote', '-k {where} --noblock -o x', {code!r})")
    assert notebook.value("handle.done") == "False"
    assert notebook.run("%remote stop python3_1").error == ""
    shown = notebook.run("handle.wait()")
    assert [f"[on_yarn] {n}\n" in shown.text for n in range(6)] == [True] * 6
    assert "[python3_1] KernelEnded" in shown.text
    assert notebook.value("(on_yarn.x, python3_2.x, handle.result().ok)") == "(5, 5, False)"
    assert notebook.value("handle.outputs['on_yarn'][0].text").count("n") == 6
    notebook.run(
        "handle = run_magic('remote', '-k on_yarn --noblock', 'import time; time.sleep(600)')"
    )
    notebook.run("handle.interrupt()")
    assert "KeyboardInterrupt" in notebook.value("handle.result()['on_yarn'].error")


def test_values_travel_as_data(notebook: Notebook) -> None:
    """Report B16: text is no code, and what cannot travel is a word of its name alone."""
    notebook.run("text = '\"; {x} \\''; own = {'python3': 1, 'on_box': 2}; wrong = lambda: 1")
    shown = notebook.run(
        "%%remote -k python3,on_box -i text,own,wrong -o back,bad\n"
        "back, bad = [text, own], (lambda: 1)\nprint({'a': 'wrong' in dir()})"
    )
    assert shown.error == ""
    assert notebook.value("python3.back, on_box.back[1]") == "(['\"; {x} \\'', 1], 2)"
    assert shown.stream("stdout").count("{'a': False}") == 2
    assert shown.stream("stderr").count("wrong did not get there") == 2
    assert shown.stream("stderr").count("bad did not come: ") == 2
    limited = notebook.run("%remote -k python3 -o back --limit 1K back = 'x' * 2000")
    assert "back did not come" in limited.text
    notebook.run(
        "%remote -k python3 -o when --pickle import datetime; when = datetime.timedelta(1)"
    )
    assert notebook.value("python3.when") == "datetime.timedelta(days=1)"


def test_input(notebook: Notebook) -> None:
    shown = notebook.run("%remote -k on_box print('Hello', input('Who? '))", answer="Ada")
    assert shown.text == "Who? \nHello Ada\n"
    shown = notebook.run("%remote -k on_box,python3 input('Who? ')", answer="Ada")
    assert "input() can be asked by one target alone" in shown.text
    assert notebook.run("%remote -k on_box print('goes on')").text == "goes on\n"


def test_target_that_dies_is_told_and_is_there_again(notebook: Notebook, user: Shell) -> None:
    notebook.run("deadly = {'python3': False, 'on_box': True}")
    shown = notebook.run(
        "%%remote -k python3,on_box -i deadly\nif deadly:\n    import os; os._exit(3)"
    )
    assert "exit code 3" in shown.error
    assert "1 of 2 targets failed" in shown.error
    assert notebook.run("%remote -k on_box print('again')").text == "again\n"
    (kernel,) = re.findall(r"ssh-box-\w+", notebook.run("%remote list").text)
    user.yarnkernel("stop", kernel).ok()
    wait_for(lambda: "has ended" in notebook.run("%remote list").text, 30, "it is told")
    shown = notebook.run("%remote -k on_box print('another')")
    assert f"{kernel} had ended" in shown.text
    assert shown.text.endswith("another\n")


def test_commands(notebook: Notebook, user: Shell) -> None:
    assert notebook.run("%remote group both python3,on_box").text == ""
    assert notebook.run("%remote -k both print(1)").text.splitlines() in (
        ["[python3] 1", "[on_box] 1"],
        ["[on_box] 1", "[python3] 1"],
    )
    assert notebook.run("%remote group").text == "both: python3,on_box\n"
    (user.directory / "project").mkdir()
    (user.directory / "project" / "a.txt").write_text("a")
    notebook.run("%remote stop on_box")
    assert notebook.run(f'%remote start on_box "--sync={user.directory}/project"').error == ""
    notebook.run("%%remote -k on_box\nopen('b.txt', 'w').write('b')")
    assert notebook.run("%remote sync on_box").text == "[on_box] fetched: b.txt\n"
    notebook.run("%remote -k on_box x = 1")
    assert notebook.run("%remote restart on_box").text == ""
    assert "False" in notebook.run("%remote -k on_box 'x' in dir()").text
    assert "[on_box] " in notebook.run("%remote logs on_box").text
    assert "--timeout" in notebook.run("%remote --help").text
    notebook.run("partial = {'python3': 1}")
    for wrong, why in {
        "%remote start python3 --memory '1 GiB'": "there already",
        "%remote -k nowhere 1": "is no target",
        "%remote -k python3 -i nothing 1": "no variable 'nothing'",
        "%remote -k python3 --limit much 1": "is no size",
        "%remote -k python3": "there is no code",
        "%remote stop nowhere": "nowhere",
        "%%remote_exec -k python3,ir -i partial\n1": "has no key for ir",
    }.items():
        shown = notebook.run(wrong)
        assert why in shown.text + shown.error
        assert "Traceback" not in shown.text + shown.error


def test_nbclient(user: Shell, tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "batch.ipynb",
        "python3",
        "%load_ext yarnkernel",
        "%%remote -k python3 -o x\nx = 6 * 7",
        "%%remote -k ir -o y\ny <- c(1, 2)\ny",
        "(python3.x, ir.y)",
    )
    user.run("jupyter", "execute", "--inplace", path, timeout=180).ok()
    shown, value = outputs(path)[2:]
    assert shown.endswith("[1] 1 2")
    assert value == "(42, [1, 2])"


def test_kernels_end_with_the_notebook(user: Shell) -> None:
    before = set(user.yarnkernel("list", "--ids").ok().out.split())
    with open_notebook(user) as notebook:
        assert "2" in notebook.run(f"%remote -k {WHERE} 1 + 1").text
        started = set(user.yarnkernel("list", "--ids").ok().out.split()) - before
        assert len(started) == 3
        agents = notebook.agents()
        notebook.process.send_signal(signal.SIGKILL)
        assert not psutil.wait_procs(agents, 60)[1]
    wait_for(
        lambda: not started & set(user.yarnkernel("list", "--ids").ok().out.split()),
        60,
        "they have ended",
    )
