"""What keeps a cluster that is in order from taking what would be submitted."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from tests.conftest import BIN
from tests.support.doctored import examined, failing
from tests.support.kernels import RECIPE, write_spec
from tests.support.site_files import with_setting
from yarnkernel.doctor.certificates import check_pair

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.conftest import Shell
    from yarnkernel.doctor.check import Check


@pytest.mark.parametrize(
    "case",
    [
        ("--queue nosuch", "queue", "queues: default, small", "no queue 'nosuch'", "--queue NAME"),
        ("--queue root", "queue", "default, small", "has queues below it", "--queue NAME"),
        (
            "--queue small --memory 3GiB",
            "queue's share",
            "asks 3372 MiB",
            "the queue gives 1638 MiB at most: it would never start",
            "another --queue",
        ),
        ("--vcores 99", "container", "at most 8192 MiB and 8 vcores", "larger", "--vcores"),
        ("--node-label fast", "node labels", "no label (1)", "the label 'fast'", "--node-label"),
        ("--environment /etc", "environment", "/etc", "neither the conda-meta", "venv"),
        (
            "--environment viewfs:///user/no",
            "environment",
            "viewfs:///user/no",
            "not there",
            "env list",
        ),
    ],
)
def test_option(user_shell: Shell, cluster: dict[str, Any], case: tuple[str, ...]) -> None:
    """Each is said of the check that it is about, and of no other."""
    assert cluster["running"]
    options, broken, found, why, todo = case
    checks = examined(user_shell, *options.split(), "--timeout", "60")
    assert failing(checks) == [broken]
    assert found in checks[broken]["found"]
    assert why in checks[broken]["why"]
    assert todo in checks[broken]["todo"]


def test_specification(user_shell: Shell, cluster: dict[str, Any], tmp_path: Path) -> None:
    assert cluster["running"]
    spec = tmp_path / "damaged.yaml"
    spec.write_text("master: [a\n")
    checks = examined(user_shell, spec)
    assert failing(checks) == ["specification"]
    assert "damaged.yaml, line 2" in checks["specification"]["why"]
    assert checks["container"]["state"] == "skipped"
    assert checks["file system"]["state"] == "ok"
    whole = write_spec(tmp_path, RECIPE, resources="{memory: 300 MiB, vcores: 1}")
    assert "300 MiB" in examined(user_shell, whole)["specification"]["found"]
    assert "no.yaml" in examined(user_shell, tmp_path / "no.yaml")["specification"]["why"]
    error = user_shell.yarnkernel("doctor", "no-such-kernelspec").error(2)
    assert "there is no kernelspec 'no-such-kernelspec'" in error
    add = ("kernelspec", "add", "--name", "much", "--memory", "100 GiB", "--queue", "small")
    user_shell.yarnkernel(*add).ok()
    checks = examined(user_shell, "much")
    assert failing(checks) == ["queue's share", "container"]
    user_shell.yarnkernel("kernelspec", "remove", "much").ok()


def test_java(edge_node: Shell) -> None:
    """It is missed only by who needs it."""
    assert "not needed" in examined(edge_node)["Java"]["found"]
    bare = edge_node.using(PATH=f"{BIN}:/nowhere", JAVA_HOME="/nowhere")
    checks = examined(bare, "--via", "skein")
    assert failing(checks) == ["Java"]
    assert "skein's driver submits" in checks["Java"]["found"]
    assert "JAVA_HOME=/nowhere has no bin/java" in checks["Java"]["why"]
    assert "--via direct" in checks["Java"]["todo"]


def test_encryption(edge_node: Shell, tmp_path: Path) -> None:
    """What cannot take the direct way cannot be sealed."""
    assert examined(edge_node, "--encrypt")["encryption"]["state"] == "ok"
    checks = examined(edge_node, write_spec(tmp_path, "exec sleep 1"), "--encrypt")
    assert "encryption" in failing(checks)
    assert "its script does not run yarnkernel.recipe" in checks["encryption"]["why"]


def test_file_system_and_logs(edge_node: Shell, tmp_path: Path) -> None:
    """Site files that name no file system; a home that is missing; logs that are nowhere."""
    cases = [
        ("fs.defaultFS", "file:///", "file system", "names no file system that all nodes share"),
        ("fs.defaultFS", "s3a://x", "file system", "Hadoop's own client alone"),
        ("yarn.log-aggregation-enable", "false", "logs", "is not true in the site files here"),
    ]
    for number, (setting, value, name, why) in enumerate(cases):
        (directory := tmp_path / str(number)).mkdir()
        checks = examined(with_setting(edge_node, setting, value, directory))
        assert checks[name]["state"] == "warning", checks[name]
        assert why in checks[name]["why"]
        assert checks[name]["todo"]
    checks = examined(edge_node.using(HADOOP_USER_NAME="who-is-new"))
    assert checks["file system"]["state"] == "warning"
    assert "you have no home there: /user/who-is-new is missing" in checks["file system"]["why"]


def certificate(directory: Path, days: tuple[float, float]) -> None:
    """Sign the key in a directory for these days from now."""
    key: Any = load_pem_private_key((directory / "skein.pem").read_bytes(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "skein-internal")])
    begin, end = (datetime.now(timezone.utc) + timedelta(days=day) for day in days)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    (directory / "skein.crt").write_bytes(signed.public_bytes(Encoding.PEM))


def test_certificates(user_shell: Shell, cluster: dict[str, Any], tmp_path: Path) -> None:
    assert cluster["running"]
    good = tmp_path / "good"  # the session's own is in use
    user_shell.using(SKEIN_CONFIG=str(good)).run("skein", "config", "gencerts", "--force").ok()

    def told(*, days: tuple[float, float] | None = None, mode: int = 0o600, cut: str = "") -> Check:
        directory = tmp_path / "pair"
        shutil.copytree(good, directory, dirs_exist_ok=True)
        if days:
            certificate(directory, days)
        (directory / "skein.pem").chmod(mode)
        if cut:
            (directory / cut).write_text("nothing")
        return check_pair(directory)

    assert told().state == "ok"
    assert "it has expired" in told(days=(-10, -1)).why
    assert "it is valid from" in told(days=(1, 10)).why
    soon = told(days=(-1, 3))
    assert (soon.state, soon.why) == ("warning", "it expires soon")
    assert "has the mode 0644" in told(mode=0o644).why
    assert told(cut="skein.crt").state == "failed"
    checks = examined(user_shell.using(SKEIN_CONFIG=str(tmp_path / "pair")))
    assert failing(checks) == ["certificates"]
    assert "gencerts" in checks["certificates"]["todo"]
    nobody = check_pair(tmp_path / "none")
    assert "the first start makes them" in nobody.found
