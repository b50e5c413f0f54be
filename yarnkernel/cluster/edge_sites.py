"""Copies of an edge node's Hadoop configuration, updated from time to time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import posixpath
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import platformdirs

from yarnkernel.errors import ClusterError
from yarnkernel.hadoop.site_files import SITE_FILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.hosts.host import Host

#: Seconds after which it is copied again.
FRESH = 600.0
#: Seconds for a login shell there.
LOGIN_TIMEOUT = 30.0
#: Most bytes of a file.
LARGEST = 4 << 20
#: Most files, as they may include each other endlessly.
MOST_FILES = 100
#: Prints the login shell's environment; csh takes no other option with -l.
_ENVIRONMENT = """\
case ${SHELL:-/bin/sh} in
*csh) env ;;
*) "${SHELL:-/bin/sh}" -l -c env </dev/null 2>/dev/null || env ;;
esac
"""
#: Variables that Hadoop's commands and Kerberos need there, and the user's name.
_VARIABLE = re.compile(r"^(PATH|JAVA_\w+|KRB5\w+|(?:HADOOP|YARN)_\w+)=(.*)$", re.MULTILINE)
_INCLUDED = re.compile(rb"""(<(?:[\w.-]+:)?include\b[^>]*?\bhref\s*=\s*)(["'])(.+?)\2""", re.DOTALL)
#: Directories where distributions put it.
_USUAL = ("/etc/hadoop/conf", "/etc/hadoop")
#: In addition to the site files: clients' trust stores.
_BESIDE = ("ssl-client.xml",)


@dataclass(frozen=True)
class EdgeSites:
    """An edge node's information about its cluster.

    Attributes
    ----------
    there : str
        The directory with the site files, on the edge node.
    here : str
        The directory with their copies on this machine.
    user : str
        The user's name there.
    variables : dict of str to str
        Those of a login shell there that Hadoop's commands use.
    moment : float
        When they were read, in seconds since 1970.
    """

    there: str
    here: str
    user: str
    variables: dict[str, str]
    moment: float


def edge_sites(host: Host, jump: Sequence[str]) -> EdgeSites:
    """Return an edge node's configuration; read it there if the copy is no longer fresh.

    Raises
    ------
    ClusterError
        When there is none.
    HostError
        When the edge node cannot be reached.
    """
    digest = hashlib.sha256("\0".join((host.name, *jump)).encode()).hexdigest()[:8]
    directory = platformdirs.user_cache_path("yarnkernel") / "edges" / digest
    noted = directory / "sites.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = EdgeSites(**json.loads(noted.read_text()))
        if 0 <= time.time() - known.moment < FRESH and Path(known.here).is_dir():
            return known
    said = host.run(_ENVIRONMENT, timeout=LOGIN_TIMEOUT).out
    variables = dict(_VARIABLE.findall(said))
    there = _find(host, variables)
    files = _Files(host, there).collect()
    found = EdgeSites(there, str(directory / "conf"), host.info.user, variables, time.time())
    try:
        conf = directory / "conf"
        conf.mkdir(0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        for name, content in files.items():
            _write(conf / name, content)
        for path in conf.iterdir():
            if path.name not in files:
                path.unlink(missing_ok=True)
        _write(noted, json.dumps(asdict(found)).encode())
    except OSError as exc:
        raise ClusterError(f"cannot keep {host}'s site files in {directory}: {exc}") from exc
    return found


def _find(host: Host, variables: dict[str, str]) -> str:
    """Find the directory in the same way as Hadoop's commands there."""
    candidates = [variables.get(name, "") for name in ("YARN_CONF_DIR", "HADOOP_CONF_DIR")]
    homes = [variables.get(name, "") for name in ("HADOOP_HOME", "HADOOP_YARN_HOME")]
    candidates += [f"{home}/etc/hadoop" for home in homes if home]
    candidates += _USUAL
    for directory in filter(None, candidates):
        if host.exists(f"{directory}/yarn-site.xml"):
            return directory
    raise ClusterError(
        f"{host} has no yarn-site.xml in {', '.join(filter(None, candidates))}; next: set "
        "HADOOP_CONF_DIR in the profile of your login shell there"
    )


class _Files:
    """Reads a directory's site files and all included files, which get new names.

    Parameters
    ----------
    host : Host
        The host that has them.
    directory : str
        The directory.
    """

    def __init__(self, host: Host, directory: str) -> None:
        self._host = host
        self._directory = directory
        self._names: dict[str, str] = {}
        self._found: dict[str, bytes] = {}

    def collect(self) -> dict[str, bytes]:
        """Return the files' contents by their names here."""
        for name in (*SITE_FILES, *_BESIDE):
            self._take(posixpath.join(self._directory, name), name)
        return self._found

    def _take(self, path: str, name: str) -> None:
        self._names[path] = name
        content = self._host.read(path, most=LARGEST)
        if content is None:
            return

        def rename(found: re.Match[bytes]) -> bytes:
            inside = self._included(found[3].decode(errors="replace"), posixpath.dirname(path))
            return found[1] + found[2] + inside.encode() + found[2]

        self._found[name] = b""  # marks it as known, as it may include itself
        self._found[name] = _INCLUDED.sub(rename, content)

    def _included(self, href: str, beside: str) -> str:
        """Return the name here of an included file; that of a missing file is missing here, too."""
        parts = urlsplit(href)
        if parts.scheme not in ("", "file") or len(self._names) > MOST_FILES:
            return href
        relative = unquote(parts.path) if parts.scheme else href
        above = [self._directory, beside]  # as in Hadoop, the class path comes first
        paths = [posixpath.normpath(posixpath.join(directory, relative)) for directory in above]
        path = next(
            (one for one in paths if one in self._names or self._host.exists(one)), paths[1]
        )
        if path not in self._names:
            self._take(path, f"included-{len(self._names)}.xml")
        return self._names[path]


def _write(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
