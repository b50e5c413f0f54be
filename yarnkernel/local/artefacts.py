"""Hadoop's jars: listed in a committed lock, fetched once, verified, shared by all clusters.

Each version of Hadoop has its own lock and directory, and so does its KDC.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import uuid
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import platformdirs

from yarnkernel.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_REPOSITORY = "https://repo.maven.apache.org/maven2"
REPOSITORY_VARIABLE = "YARNKERNEL_MAVEN_URL"
DOWNLOADS_AT_ONCE = 8
DOWNLOAD_RETRIES = 2
#: Seconds without any data after which a download fails.
READ_TIMEOUT = 10.0
#: Seconds to wait for another process that is fetching the same artefacts.
LOCK_TIMEOUT = 900.0


@dataclass(frozen=True)
class Artefact:
    """One jar of the lock.

    Attributes
    ----------
    path : str
        Path in a Maven repository, ``group/name/version/name-version.jar``.
    size : int
        Bytes.
    sha256 : str
        Hexadecimal.
    """

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name, unique in the lock."""
        return self.path.rpartition("/")[2]


class FetchProgress(Protocol):
    """Receives the progress of fetching artefacts; called from several threads."""

    def start(self, total: int) -> None:
        """Begin to fetch ``total`` bytes."""

    def advance(self, size: int) -> None:
        """Count ``size`` more bytes (negative if a download starts again)."""


def load_lock(name: str) -> list[Artefact]:
    """Read a committed lock, such as that of ``"hadoop-3.5.0"``."""
    lock = resources.files(__package__).joinpath(f"{name}.json").read_text("utf-8")
    return [Artefact(**entry) for entry in json.loads(lock)["artefacts"]]


def jars_directory(name: str) -> Path:
    """Return the directory for a lock's jars, in the user's cache directory."""
    return platformdirs.user_cache_path("yarnkernel") / name


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()


def _fits(path: Path, artefact: Artefact) -> bool:
    try:
        return path.stat().st_size == artefact.size and _sha256(path) == artefact.sha256
    except OSError:
        return False


class _DownloadBar:
    """The part of tqdm's interface that pooch's downloader uses, for one artefact."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self.total = 0
        self._advance = advance
        self._seen = 0

    def update(self, size: int) -> None:
        self._seen += size
        self._advance(size)

    def reset(self) -> None:
        # pooch counts whole blocks; it resets before a final update with the true size.
        self._advance(-self._seen)
        self._seen = 0

    def close(self) -> None:
        pass


def _download(
    artefact: Artefact, directory: Path, repository: str, advance: Callable[[int], None]
) -> None:
    import pooch  # noqa: PLC0415  (slow to import, and only needed when a jar is missing)

    pooch.get_logger().setLevel("ERROR")
    store = pooch.create(
        path=directory,
        base_url="",
        registry={artefact.name: f"sha256:{artefact.sha256}"},
        urls={artefact.name: f"{repository.rstrip('/')}/{artefact.path}"},
    )
    downloader = pooch.HTTPDownloader(
        progressbar=_DownloadBar(advance), chunk_size=1 << 16, timeout=READ_TIMEOUT
    )
    store.fetch(artefact.name, downloader=downloader)


def _retry(download: Callable[[], None], given_up: threading.Event) -> None:
    import requests  # noqa: PLC0415  (pooch's)

    for attempt in range(DOWNLOAD_RETRIES + 1):
        try:
            download()
        except (requests.RequestException, ValueError):  # the latter for a wrong checksum
            if attempt == DOWNLOAD_RETRIES or given_up.wait(attempt):
                raise
        else:
            return


def _copy_from_maven(artefact: Artefact, directory: Path) -> bool:
    local = Path.home() / ".m2" / "repository" / artefact.path
    if not _fits(local, artefact):
        return False
    part = directory / f".{artefact.name}.{uuid.uuid4().hex}"
    try:
        shutil.copyfile(local, part)
        if not _fits(part, artefact):  # it may have changed since the check
            return False
        part.replace(directory / artefact.name)
    finally:
        part.unlink(missing_ok=True)
    return True


def _explain(exc: BaseException, repository: str) -> ArtefactError:
    import requests  # noqa: PLC0415  (pooch's; only needed when something failed)

    other = f"name another one with --repository or {REPOSITORY_VARIABLE}"
    if isinstance(exc, requests.HTTPError) and exc.response is not None:
        reason = f"it answered {exc.response.status_code} for {exc.response.url}; {other}"
    elif isinstance(exc, requests.RequestException):
        reason = f"it cannot be reached ({type(exc).__name__}): is this machine offline? {other}"
    elif isinstance(exc, ValueError):
        reason = f"{str(exc).splitlines()[0]}; {other}"
    else:
        reason = str(exc)
    return ArtefactError(f"cannot fetch Hadoop's artefacts from {repository}: {reason}")


def _fetch(
    missing: Sequence[Artefact], directory: Path, repository: str, progress: FetchProgress
) -> None:
    progress.start(sum(artefact.size for artefact in missing))
    given_up = threading.Event()

    def advance(size: int) -> None:
        if given_up.is_set():  # aborts a download that is no longer wanted
            raise InterruptedError
        progress.advance(size)

    def fetch_one(artefact: Artefact) -> None:
        if _copy_from_maven(artefact, directory):
            advance(artefact.size)
        else:
            _retry(lambda: _download(artefact, directory, repository, advance), given_up)

    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as executor:
        try:
            # Largest first, so that the last downloads end at about the same time.
            by_size = sorted(missing, key=lambda artefact: -artefact.size)
            running = [executor.submit(fetch_one, artefact) for artefact in by_size]
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            for download in done:
                download.result()
        finally:
            given_up.set()
            executor.shutdown(wait=False, cancel_futures=True)


def fetch_artefacts(name: str, progress: FetchProgress, *, repository: str | None = None) -> Path:
    """Fetch the jars of a lock that are missing in the cache directory.

    Jars with the right checksum in ``~/.m2/repository`` are copied from there. Several processes
    may call this at once: one of them fetches.

    Parameters
    ----------
    name : str
        Name of the lock.
    progress : FetchProgress
        Gets the progress; not called if no jars are missing.
    repository : str, optional
        URL of a Maven repository. By default the environment variable
        ``YARNKERNEL_MAVEN_URL``, else Maven Central.

    Returns
    -------
    pathlib.Path
        The directory with only the jars in it.

    Raises
    ------
    ArtefactError
        When a jar cannot be fetched or does not have the lock's checksum.
    """
    import filelock  # noqa: PLC0415  (an extra; recipe and client do without it)

    repository = repository or os.environ.get(REPOSITORY_VARIABLE) or DEFAULT_REPOSITORY
    artefacts = load_lock(name)
    directory = jars_directory(name)
    # Checksums are compared once; later starts only check the stamp and the sizes.
    stamp = directory.with_name(f"{directory.name}.verified")
    wanted = hashlib.sha256(repr(artefacts).encode()).hexdigest()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{directory}.lock", timeout=LOCK_TIMEOUT):
            if _is_complete(directory, artefacts, stamp, wanted):
                return directory
            missing = [a for a in artefacts if not _fits(directory / a.name, a)]
            if missing:
                _fetch(missing, directory, repository, progress)
            names = {artefact.name for artefact in artefacts}
            for stranger in directory.iterdir():
                if stranger.name not in names:
                    stranger.unlink()
            stamp.write_text(wanted)
    except filelock.Timeout:
        raise ArtefactError(
            f"another process has held {directory}.lock for {LOCK_TIMEOUT:.0f} s"
        ) from None
    except (OSError, ValueError) as exc:
        raise _explain(exc, repository) from exc
    return directory


def _is_complete(directory: Path, artefacts: list[Artefact], stamp: Path, wanted: str) -> bool:
    try:
        if stamp.read_text() != wanted:
            return False
        sizes = {entry.name: entry.stat().st_size for entry in os.scandir(directory)}
    except OSError:
        return False
    return sizes == {artefact.name: artefact.size for artefact in artefacts}
