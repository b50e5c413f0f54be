"""What is wrong on this machine, before any cluster is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pexpect

from tests.conftest import BIN
from tests.support.doctored import examined, failing, lacking, read

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell

METADATA = """\
Metadata-Version: 2.4
Name: yarnkernel
Version: 0.1.0
Requires-Python: >=3.99
Requires-Dist: rich>=999
Requires-Dist: nowhere-to-be-found
"""


def test_python_and_packages(user_shell: Shell, tmp_path: Path) -> None:
    """A Python that is too old, a package that is too old, one that is missing."""
    command = lacking(tmp_path, (), METADATA)
    result = user_shell.run(*command, "doctor", "--json")
    checks = read(result.document, result.code)
    assert "takes Python >=3.99" in checks["Python"]["why"]
    why = checks["packages"]["why"]
    assert "is not >=999" in why
    assert "nowhere-to-be-found is missing" in why
    assert "pip install" in checks["packages"]["todo"]
    assert "rich>=999" in checks["packages"]["todo"]
    # The rest goes on.
    assert "configuration" in checks


def test_extras(user_shell: Shell, tmp_path: Path) -> None:
    command = lacking(tmp_path, ("hdfs_native", "conda_pack"))
    result = user_shell.run(*command, "doctor", "--json")
    checks = read(result.document, result.code)
    assert checks["Python"]["state"] == "ok"
    assert checks["packages"]["state"] == "ok"
    extras = checks["extras"]
    assert extras["state"] == "warning"
    assert extras["found"] == "local"
    assert "uploads to HDFS without a JVM: no hdfs-native" in extras["why"]
    assert "no conda-pack" in extras["why"]
    assert "yarnkernel[pack,hdfs]" in extras["todo"]


def test_no_configuration(user_shell: Shell, tmp_path: Path) -> None:
    """Each says where it was looked for; what needs it is skipped, the rest is not."""
    nobody = user_shell.using(XDG_STATE_HOME=str(tmp_path))
    checks = examined(nobody)
    assert failing(checks) == ["configuration"]
    order = checks["configuration"]["found"]
    names = ("YARN_CONF_DIR", "HADOOP_CONF_DIR", "`yarn` on PATH", "HADOOP_HOME", "a local cluster")
    assert sorted(names, key=order.index) == list(names)
    assert "yarnkernel cluster start" in checks["configuration"]["todo"]
    for name in ("ResourceManager", "queue's share"):
        assert checks[name]["state"] == "skipped"
        assert checks[name]["why"] == "needs what failed before: configuration"
    conf = tmp_path / "conf"
    conf.mkdir()
    checks = examined(nobody.using(HADOOP_CONF_DIR=str(conf)))
    assert failing(checks) == ["configuration"]
    assert "has no yarn-site.xml" in checks["configuration"]["why"]
    (conf / "yarn-site.xml").write_text("<configuration><property>")
    checks = examined(nobody.using(HADOOP_CONF_DIR=str(conf)))
    assert "yarn-site.xml is not XML" in checks["configuration"]["why"]


def test_terminal(user_shell: Shell) -> None:
    """On a narrow terminal nothing is cut and nothing is wider; NO_COLOR is heeded."""
    for no_colour in ("", "1"):
        shell = user_shell.using(COLUMNS="80", NO_COLOR=no_colour)
        child = pexpect.spawn(
            str(BIN / "yarnkernel"),
            ["doctor", "--interface", "local"],
            env=shell.environment,
            cwd=str(shell.directory),
            dimensions=(50, 80),
            encoding="utf-8",
        )
        child.expect(pexpect.EOF, timeout=60)
        child.close()
        assert child.exitstatus == 0
        text = child.before or ""
        assert ("\x1b[32mok" in text) == (not no_colour)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
        assert max(map(len, lines)) <= 80
        assert "jupyter-client" in " ".join(lines)
