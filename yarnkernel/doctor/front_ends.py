"""Checks of this machine's front ends: whether they find and can start our kernelspecs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.child_process import run_to_end
from yarnkernel.deadline import Deadline
from yarnkernel.doctor.check import ok, warning
from yarnkernel.jupyter.kernelspec import PROVISIONER, find_kernelspecs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject
    from yarnkernel.jupyter.kernelspec import Kernelspec

#: The group of entry points in which jupyter_client looks for provisioners.
GROUP = "jupyter_client.kernel_provisioners"
#: Commands of front ends whose Pythons are checked.
FRONT_ENDS = ("jupyter-lab", "jupyter-notebook", "jupyter-server", "jupyter")
#: Seconds for one front end.
ASK_TIMEOUT = 8.0
#: Prints, in a front end's Python, what it finds.
_ASK = f"""\
import json
from importlib.metadata import entry_points
found = entry_points()
group = found.select(group={GROUP!r}) if hasattr(found, "select") else found.get({GROUP!r}, ())
try:
    from jupyter_client.kernelspec import KernelSpecManager
    specs = KernelSpecManager(ensure_native_kernel=False).find_kernel_specs()
except ImportError:
    specs = {{}}
print(json.dumps([[one.name for one in group], specs]))
"""


def check_front_ends(_subject: Subject, deadline: Deadline) -> Check:
    """Check that front ends find the provisioner that our kernelspecs name."""
    own = {name: spec for name, spec in find_kernelspecs().items() if spec.is_ours}
    here = any(one.name == PROVISIONER for one in entry_points(group=GROUP))
    names = ", ".join(own) or "none"
    found = f"kernelspecs of ours: {names}"
    with_provisioner = [name for name, spec in own.items() if spec.has_provisioner]
    if not here:
        why = f"this Python does not have the entry point {PROVISIONER}: its Jupyter skips them"
        return warning(found, why, f"{sys.executable} -m pip install --force-reinstall yarnkernel")
    told, wrong = [], []
    for command, python in _other_front_ends():
        trouble = _trouble(python, own, with_provisioner, deadline)
        told.append(command)
        if trouble:
            wrong.append(f"{command} ({python}): {trouble}")
    if told:
        found += f"; other front ends: {', '.join(told)}"
    if wrong:
        todo = (
            "pip install yarnkernel into that environment, or `yarnkernel kernelspec add --argv`, "
            "which needs no provisioner; --sys-prefix keeps kernelspecs from other environments"
        )
        return warning(found, "; ".join(wrong), todo)
    if not own:
        return ok(f"{found}; next for JupyterLab: yarnkernel kernelspec add")
    return ok(found)


def _other_front_ends() -> Iterator[tuple[str, str]]:
    """Return commands on ``PATH`` of other Pythons, one for each Python."""
    seen = {Path(sys.prefix).resolve()}
    for directory in os.get_exec_path():
        for name in FRONT_ENDS:
            command = shutil.which(name, path=directory)
            python = _python_of(Path(command)) if command else ""
            if command and python and (prefix := Path(python).parent.parent.resolve()) not in seen:
                seen.add(prefix)
                yield command, python


def _python_of(command: Path) -> str:
    """Return the Python in a script's first line."""
    try:
        with command.open("rb") as file:
            line = file.readline(4096).decode(errors="replace").strip()
    except OSError:
        return ""
    words = line.removeprefix("#!").split()
    if not line.startswith("#!") or not words:
        return ""
    if Path(words[0]).name == "sh":  # pip's form for paths with blanks
        beside = command.with_name("python")
        return str(beside) if beside.exists() else ""
    if Path(words[0]).name == "env":
        return shutil.which(words[-1]) or ""
    return words[0] if "python" in Path(words[0]).name else ""


def _trouble(
    python: str, own: dict[str, Kernelspec], with_provisioner: list[str], deadline: Deadline
) -> str:
    """Return why front ends of another Python cannot start our kernels; empty if they can."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        ended = run_to_end(
            [python, "-c", _ASK], deadline=Deadline(deadline.step(ASK_TIMEOUT)),
            environment=environment,
        )  # fmt: skip
        provisioners, specs = json.loads(ended.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError) as exc:
        return f"it cannot be asked what it sees ({exc})"
    seen = [name for name in with_provisioner if specs.get(name) == str(own[name].directory)]
    unseen = [name for name, spec in own.items() if specs.get(name) != str(spec.directory)]
    if seen and PROVISIONER not in provisioners:
        return f"it finds {', '.join(seen)} and skips them, as it does not know {PROVISIONER}"
    if unseen:
        return f"it does not find {', '.join(unseen)}"
    return ""
