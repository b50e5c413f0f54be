"""Run Hadoop's own ``yarn`` command, and find the Java that it needs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.child_process import run_to_end
from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

#: Seconds; Hadoop's own `yarn` is a shell script that takes a third of a second.
CLASSPATH_TIMEOUT = 30.0


def run_yarn(
    variables: Mapping[str, str], arguments: Sequence[str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run the ``yarn`` command of ``PATH`` to its end, with its output as text.

    Raises
    ------
    ClusterError
        When it cannot be run or times out.
    """
    command = shutil.which("yarn", path=variables.get("PATH"))
    if command is None:
        raise ClusterError("there is no `yarn` command on PATH")
    try:
        return run_to_end([command, *arguments], deadline=Deadline(timeout), environment=variables)
    except TimeoutError:
        raise ClusterError(
            f"`yarn {' '.join(arguments)}` did not end within {timeout:.0f} s"
        ) from None
    except OSError as exc:
        raise ClusterError(f"`{command}` cannot be run: {exc.strerror}") from exc


def hadoop_classpath(variables: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the class path of ``yarn``; without one, None and the last line of its output."""
    # Without --glob: JVMs expand wildcards themselves, and this needs no JVM.
    answer = run_yarn(variables, ["classpath"], CLASSPATH_TIMEOUT)
    lines = answer.stdout.strip().splitlines() or [""]
    if answer.returncode == 0 and os.pathsep in lines[-1] and "/" in lines[-1]:
        return lines[-1], ""
    said = (answer.stderr.strip() or answer.stdout.strip()).splitlines() or ["nothing"]
    return None, said[-1]


def is_javascripts(said: str) -> bool:
    """Return whether a ``yarn`` without a class path is JavaScript's package manager."""
    return bool(re.search(r"Command .classpath. not found|Usage Error|Couldn't find", said))


def find_java(variables: Mapping[str, str]) -> str:
    """Find the ``java`` of ``JAVA_HOME``, of ``PATH`` or of Hadoop's own configuration.

    Raises
    ------
    ClusterError
        When there is none.
    """
    home = variables.get("JAVA_HOME")
    if not home:
        on_path = shutil.which("java", path=variables.get("PATH"))
        if on_path is not None:
            return on_path
        # Hadoop 3 prints what its hadoop-env.sh sets.
        shown = run_yarn(variables, ["envvars"], CLASSPATH_TIMEOUT).stdout
        found = re.search(r"^JAVA_HOME='(.+)'$", shown, re.MULTILINE)
        if found is None:
            raise ClusterError(
                "no Java: neither JAVA_HOME is set nor is there a `java` on PATH; "
                "set JAVA_HOME to the Java of your cluster"
            )
        home = found[1]
    java = Path(home) / "bin" / "java"
    if os.access(java, os.X_OK):
        return str(java)
    raise ClusterError(f"no Java: JAVA_HOME={home} has no bin/java")
