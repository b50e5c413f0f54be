"""Hadoop's site files, read as Hadoop reads them.

``Configuration.Parser`` of Hadoop 3.5.0 defines their order, ``final`` and includes;
``handleInclude`` there looks for an included file on the class path, then at its URL, then next to
the file that includes it.
"""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from yarnkernel.deadline import Deadline
from yarnkernel.errors import HadoopConfigurationError, HttpError
from yarnkernel.hadoop.configuration import Configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yarnkernel.hadoop.edge import Edge

#: Later files override earlier ones, unless a setting is final.
SITE_FILES = ("core-site.xml", "hdfs-site.xml", "yarn-site.xml")
#: This module's own limit, for files that include themselves.
MAX_INCLUDES = 20
#: Seconds for reading a site file from a web server.
INCLUDE_TIMEOUT = 10.0
#: Name, raw value, and whether it is final.
Setting = tuple[str, str, bool]


def load_configuration(
    *conf_dirs: Path, environment: Mapping[str, str] | None = None, edge: Edge | None = None
) -> Configuration:
    """Read the site files of a directory.

    Parameters
    ----------
    *conf_dirs : pathlib.Path
        A ``HADOOP_CONF_DIR``, or several: if more than one has a file, the first one is used, as on
        Java's class path. Missing files are left out.
    environment : mapping of str to str, optional
        See :class:`Configuration`.
    edge : Edge, optional
        See :class:`Configuration`.

    Raises
    ------
    HadoopConfigurationError
        When a file cannot be read, is not XML, or includes one that is missing.
    """
    settings: dict[str, str] = {}
    final: set[str] = set()
    for file in SITE_FILES:
        path = next((found for found in (d / file for d in conf_dirs) if found.exists()), None)
        if path is None:
            continue
        for name, value, is_final in read_site_file(path, conf_dirs):
            if name not in final:
                settings[name] = value
                final.update([name] if is_final else [])

    def read_beside(name: str) -> dict[str, str]:
        found = next((d / name for d in conf_dirs if (d / name).is_file()), None)
        beside = read_site_file(found, conf_dirs) if found else ()
        return {name: value for name, value, _ in beside}

    source = " and ".join(map(str, conf_dirs))
    return Configuration(settings, source, environment, read_beside, edge)


def read_site_file(path: Path, class_path: Sequence[Path]) -> Iterator[Setting]:
    """Read a site file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    class_path : sequence of pathlib.Path
        The directories where Hadoop looks for included files first.

    Yields
    ------
    tuple of str, str and bool
        The settings, in their order.

    Raises
    ------
    HadoopConfigurationError
        When a file cannot be read, is not XML, or includes one that is missing.
    """
    root = _parse(_content(path), str(path))
    yield from _Reader(class_path).settings(root, path, MAX_INCLUDES)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise HadoopConfigurationError(f"cannot read {path}: {exc.strerror}") from exc


def _parse(content: bytes, name: str) -> ET.Element:
    try:
        root = ET.fromstring(content)  # noqa: S314  (the user's own configuration)
    except (ET.ParseError, ValueError, LookupError) as exc:
        raise HadoopConfigurationError(f"{name} is not XML: {exc}") from exc
    if root.tag != "configuration":
        raise HadoopConfigurationError(f"{name} is not a site file: it holds a <{root.tag}>")
    return root


class _Reader:
    def __init__(self, class_path: Sequence[Path]) -> None:
        self._class_path = class_path

    def settings(self, parent: ET.Element, origin: Path | str, includes: int) -> Iterator[Setting]:
        """Yield all settings in an element of a file or of a URL's content, in order."""
        for element in parent:
            tag = str(element.tag).rpartition("}")[2]  # Hadoop ignores namespaces
            if tag == "configuration":
                yield from self.settings(element, origin, includes)
            elif tag == "include":
                yield from self._included(element, origin, includes - 1)
            elif tag == "property":
                # The parts may be elements or attributes.
                name, value, final = (
                    element.findtext(part, element.get(part)) for part in ("name", "value", "final")
                )
                if name and value is not None:
                    yield name.strip(), value, final == "true"

    def _included(self, include: ET.Element, origin: Path | str, left: int) -> Iterator[Setting]:
        href = include.get("href")
        if href is None:
            return
        if not left:
            raise HadoopConfigurationError(f"{origin} includes {href}, in a circle")
        try:
            target, content = self._find(href, origin)
        except FileNotFoundError as exc:
            fallback = next((e for e in include if str(e.tag).endswith("fallback")), None)
            if fallback is None:
                raise HadoopConfigurationError(f"{origin} includes {exc}") from exc
            yield from self.settings(fallback, origin, left)
            return
        yield from self.settings(_parse(content, str(target)), target, left)

    def _find(self, href: str, origin: Path | str) -> tuple[Path | str, bytes]:
        """Find an included file; raise FileNotFoundError if it is nowhere."""
        parts = urlsplit(href)
        if not parts.scheme:
            inside = posixpath.normpath(href)
            if not inside.startswith(("/", "..")):  # these cannot be on a class path
                for directory in self._class_path:
                    if (directory / inside).is_file():
                        return directory / inside, _content(directory / inside)
            if isinstance(origin, str) and not href.startswith("/"):
                raise FileNotFoundError(f"{href}, which is not in the configuration's directory")
            target = Path(href) if isinstance(origin, str) else origin.parent / href
        elif parts.scheme == "file":
            target = Path(unquote(parts.path))
        else:
            return href, _fetch(href)
        if not target.is_file():
            raise FileNotFoundError(f"{target}, which does not exist")
        return target, _content(target)


def _fetch(url: str) -> bytes:
    if urlsplit(url).scheme not in ("http", "https"):
        raise FileNotFoundError(f"{url}, which is neither a file nor a page of a web server")
    from yarnkernel.hadoop.http import fetch  # noqa: PLC0415  (few site files need it)

    try:
        return fetch(url, Deadline(INCLUDE_TIMEOUT))
    except HttpError as exc:
        raise FileNotFoundError(f"{url}: {exc}") from exc
