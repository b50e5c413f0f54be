"""The images, built as users build them, but for a base image that needs no image registry."""

from __future__ import annotations

import contextlib
import http.server
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from tests.conftest import CACHE
from yarnkernel.local.artefacts import fetch_artefacts
from yarnkernel.local.options import HADOOP_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docker.engine import Engine

#: Seconds after which the base system is made anew, for what has been mended since.
LIFETIME = 30 * 86_400
#: A base image may know where packages come from, and whose certificates they have.
BASE = """\
FROM bare
COPY . /
"""


class Silent:
    """Progress that nobody looks at."""

    def start(self, total: int) -> None:
        pass

    def advance(self, size: int) -> None:
        pass


def base_system() -> Path:
    """A small Debian as an archive, from this machine's mirror; made once a month."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    archive = CACHE / "yarnkernel" / f"debootstrap-{release}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{archive}.lock", timeout=600):
        if archive.exists() and time.time() - archive.stat().st_mtime < LIFETIME:
            return archive
        with tempfile.TemporaryDirectory(dir=archive.parent) as directory:
            root, part = f"{directory}/root", f"{directory}/part"
            mirror = _mirror(release)
            for command in (
                ["debootstrap", "--variant=minbase", release, root, *mirror],
                ["tar", "-C", root, "-cf", part, "."],
            ):
                subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
            Path(part).replace(archive)
    return archive


def _mirror(release: str) -> list[str]:
    """Where this machine gets the release from; debootstrap knows one itself."""
    ask = ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(SITE)"]
    told = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=True).stdout
    found = [line.split()[2] for line in told.splitlines() if line.startswith(f"{release} main ")]
    return found[:1]


def import_base(engine: Engine) -> None:
    """Make the image ``base``, with this machine's settings of pip."""
    engine.docker("import", str(base_system()), "bare")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "Dockerfile").write_text(BASE)
        (directory / "etc").mkdir()
        settings = "[global]\n"
        if certificates := _of_pip("cert"):
            settings += "cert = /etc/certificates-of-pip.crt\n"
            shutil.copy(certificates, directory / "etc/certificates-of-pip.crt")
        (directory / "etc/pip.conf").write_text(settings)
        engine.docker("build", "--quiet", "--tag", "base", str(directory))


def _of_pip(setting: str) -> str:
    """A setting of this machine's pip; empty where it has none."""
    name = f"PIP_{setting.upper().replace('-', '_')}"
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{setting}"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return os.environ.get(name) or told.stdout.strip()


@contextlib.contextmanager
def maven_repository() -> Iterator[str]:
    """A Maven repository with the jars that this machine has: 104 MB less to download."""
    jars = fetch_artefacts(f"hadoop-{HADOOP_VERSIONS[0]}", Silent())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return str(jars / path.rpartition("/")[2])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def build_arguments(repository: str) -> dict[str, str]:
    """What ``compose.yaml`` takes to build here."""
    return {
        "BASE_IMAGE": "base",
        "BUILD_NETWORK": "host",
        "PIP_INDEX_URL": _of_pip("index-url"),
        "YARNKERNEL_MAVEN_URL": repository,
    }
