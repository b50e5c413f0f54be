"""Packing an environment, and looking into a packed one: no cluster is needed."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import REPOSITORY, Shell, finish, wait_for
from yarnkernel.deadline import Deadline
from yarnkernel.environment.archive import archive_digest, check_archive
from yarnkernel.environment.prefix import fingerprint, open_prefix
from yarnkernel.errors import PackTimeoutError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SITE_PACKAGES = f"lib/python3.{sys.version_info.minor}/site-packages"


def only_line(error: str) -> str:
    (line,) = error.splitlines()
    return line


@pytest.fixture
def bare_venv(tmp_path: Path) -> Path:
    prefix = tmp_path / "bare"
    command = [sys.executable, "-m", "venv", "--without-pip", str(prefix)]
    subprocess.run(command, check=True, timeout=60)
    return prefix


def add_package(prefix: Path, name: str, url: Mapping[str, object] | None = None) -> None:
    """Add what tells of a package that pip has installed, and no more."""
    directory = prefix / SITE_PACKAGES / f"{name}-1.0.dist-info"
    directory.mkdir(parents=True)
    (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if url:
        (directory / "direct_url.json").write_text(json.dumps(url))


def test_packed_venv_runs_elsewhere(venv_archive: Path, tmp_path: Path) -> None:
    place = tmp_path / "another place"
    place.mkdir()
    subprocess.run(["tar", "-xzf", venv_archive, "-C", place], check=True, timeout=60)
    code = "import sys, ipykernel, skein; print(sys.prefix, ipykernel.__file__)"
    script = f'set -e -o pipefail; source "{place}/bin/activate"; python -c "{code}"; skein -h'
    shown = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert shown.stdout.startswith(f"{place} {place}/lib/")
    assert "usage: skein" in shown.stdout


def test_pack_says_what_the_nodes_need(user_shell: Shell, kernel_venv: Path) -> None:
    result = user_shell.yarnkernel("env", "pack", kernel_venv, "--json").ok()
    archive = user_shell.directory / "my-kernel-s.tar.gz"
    assert result.document == {"archive": archive.name, "size": archive.stat().st_size}
    assert "which every node has to have too" in result.err
    archive.unlink()


def test_lacks_what_a_container_needs(user_shell: Shell, bare_venv: Path) -> None:
    error = only_line(user_shell.yarnkernel("env", "pack", bare_venv).error(2))
    assert "ipykernel, " in error
    assert f"next: {bare_venv}/bin/python -m pip install" in error
    for name in ("skein", "setuptools"):
        add_package(bare_venv, name)
    error = only_line(user_shell.yarnkernel("env", "pack", bare_venv).error(2))
    assert "needs: ipykernel; next:" in error


def test_has_editable_packages(user_shell: Shell, bare_venv: Path) -> None:
    for name in ("ipykernel", "skein", "setuptools"):
        add_package(bare_venv, name)
    source = {"url": "file:///home/me/my%20clone", "dir_info": {"editable": True}}
    add_package(bare_venv, "yarnkernel", source)
    error = only_line(user_shell.yarnkernel("env", "pack", bare_venv).error(2))
    assert "has editable packages, whose files are not in it: yarnkernel" in error
    assert "pip install --no-deps '/home/me/my clone'" in error


def test_packer_is_not_installed(user_shell: Shell, kernel_venv: Path) -> None:
    ours_alone = user_shell.using(PYTHONPATH=str(REPOSITORY))
    command = kernel_venv / "bin/python", "-m", "yarnkernel", "env", "pack", kernel_venv
    result = ours_alone.run(*command)
    assert "needs venv-pack2; next: pip install 'yarnkernel[pack]'" in result.error(1)


def test_is_no_environment(user_shell: Shell, tmp_path: Path) -> None:
    error = only_line(user_shell.yarnkernel("env", "pack", tmp_path).error(2))
    assert "has neither the conda-meta of conda nor the pyvenv.cfg of venv" in error
    (tmp_path / "pyvenv.cfg").touch()
    error = only_line(user_shell.yarnkernel("env", "pack", tmp_path).error(2))
    assert "has no Python of its own" in error
    error = only_line(user_shell.yarnkernel("env", "pack", tmp_path / "none").error(2))
    assert "there is no environment" in error
    error = only_line(user_shell.yarnkernel("env", "pack", "-o", "a.zip").error(2))
    assert "has to end in .tar.gz" in error


def test_disk_is_full(user_shell: Shell, kernel_venv: Path, tmp_path: Path) -> None:
    """The packer may write no file over 1 MB, as on a disk with no more room."""
    script = 'ulimit -f 1000; exec yarnkernel env pack "$1" -o "$2"'
    target = tmp_path / "a.tar.gz"
    result = user_shell.run("bash", "-c", script, "bash", kernel_venv, target)
    assert "File too large; next: make room there" in result.error(1)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, timeout=20).returncode:
        pytest.skip("needs the right to mount")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_small_disk(user_shell: Shell, kernel_venv: Path, small_disk: Path) -> None:
    result = user_shell.yarnkernel("env", "pack", kernel_venv, "-o", small_disk / "a.tar.gz")
    assert "No space left on device; next: make room there" in result.error(1)
    assert list(small_disk.iterdir()) == []


def test_small_temporary_directory(
    user_shell: Shell, kernel_venv: Path, small_disk: Path, tmp_path: Path
) -> None:
    shell = user_shell.using(TMPDIR=str(small_disk))
    shell.yarnkernel("env", "pack", kernel_venv, "-o", tmp_path / "a.tar.gz").ok()


def test_ctrl_c(user_shell: Shell, kernel_venv: Path, tmp_path: Path) -> None:
    process = user_shell.start(
        "yarnkernel", "env", "pack", kernel_venv, "-o", tmp_path / "a.tar.gz"
    )
    (part,) = wait_for(lambda: list(tmp_path.glob(".packing-*/tmp*")), 30, "the packer writes")
    process.send_signal(signal.SIGINT)
    _, err = finish(process)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not part.exists()
    assert list(tmp_path.iterdir()) == []
    for other in psutil.process_iter(["cmdline"]):
        assert str(tmp_path) not in " ".join(other.info["cmdline"] or [])


def test_takes_too_long(user_shell: Shell, kernel_venv: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.tar.gz"
    result = user_shell.yarnkernel("env", "pack", kernel_venv, "-o", target, "--timeout", "0.5")
    assert "is not packed within" in only_line(result.error(3).splitlines()[-1])
    assert list(tmp_path.iterdir()) == []


def test_fingerprint_is_that_of_the_contents(bare_venv: Path) -> None:
    prefix = open_prefix(bare_venv)
    first = fingerprint(prefix, Deadline(60))
    module = prefix.site_packages / "module.py"
    module.write_text("value = 1\n")
    second = fingerprint(prefix, Deadline(60))
    assert second != first
    subprocess.run([prefix.python, "-m", "compileall", "-q", module], check=True, timeout=60)
    assert (prefix.site_packages / "__pycache__").exists()
    assert fingerprint(prefix, Deadline(60)) == second
    status = module.stat()
    module.write_text("value = 2\n")
    os.utime(module, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert fingerprint(prefix, Deadline(60)) not in (first, second)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content[: len(content) // 2], "ended before the end-of-stream marker"),
        (lambda content: content[:-6], "ended before the end-of-stream marker"),
        (lambda content: content[:-8] + b"12345678", "CRC check failed"),
        (lambda _: b"", "empty file"),
        (lambda _: b"hello", "Not a gzipped file"),
    ],
    ids=["half", "no end", "changed", "empty", "text"],
)
def test_damaged_archive(venv_archive: Path, tmp_path: Path, change: object, reason: str) -> None:
    assert callable(change)
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(change(venv_archive.read_bytes()))
    with pytest.raises(UsageError, match=f"is damaged or no gzipped tar archive: .*{reason}"):
        check_archive(damaged, Deadline(60))


def write_archive(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


PACKAGES = {
    f"./{SITE_PACKAGES}/{name}-1.0.dist-info/METADATA": b""
    for name in ("yarnkernel", "ipykernel", "skein", "setuptools")
}
with open(sys.executable, "rb") as _file:  # noqa: PTH123
    ELF = _file.read(64)


@pytest.mark.parametrize(
    ("python", "said"),
    [
        (ELF, None),
        (b"#!/bin/sh\n", None),
        (ELF[:18] + b"\xf3\x00" + ELF[20:], "is for another processor (ELF machine 243)"),
    ],
    ids=["same", "script", "risc-v"],
)
def test_archive_of_a_platform(tmp_path: Path, python: bytes, said: str | None) -> None:
    files = {"./bin/activate": b"", "./bin/python3": python, **PACKAGES}
    links = {"./bin/python": "python3"}
    warnings = check_archive(write_archive(tmp_path / "a.tar.gz", files, links), Deadline(60))
    assert len(warnings) == (said is not None)
    assert said is None or said in warnings[0]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"bin/python": b"\xcf\xfa\xed\xfe", "bin/activate": b"", **PACKAGES}, "for Linux"),
        ({"bin/python": ELF, **PACKAGES}, "it has no bin/activate"),
        ({"a/bin/python": ELF, "a/bin/activate": b""}, "but a/bin/python: bin has to be at its"),
        ({"bin/python": ELF, "bin/activate": b""}, "needs: ipykernel, skein;"),
    ],
    ids=["macos", "no activate", "directory inside", "no packages"],
)
def test_archive_is_no_environment(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_archive(write_archive(tmp_path / "a.tar.gz", files), Deadline(60))
    assert reason in str(raised.value)


def test_archives_that_have_no_end(tmp_path: Path) -> None:
    """A pipe is refused, and reading ends with the deadline."""
    os.mkfifo(tmp_path / "pipe.tar.gz")
    for read in (archive_digest, check_archive):
        with pytest.raises(UsageError, match="is not a regular file"):
            read(tmp_path / "pipe.tar.gz", Deadline(60))
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"a"))
    for read in (archive_digest, check_archive):
        with pytest.raises(PackTimeoutError, match="is not read in time"):
            read(tmp_path / "a.tar.gz", Deadline(0))
