"""HDFS over its REST interface, WebHDFS; without Kerberos."""

from __future__ import annotations

import http
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from yarnkernel.errors import HttpError, UnreadableFileError
from yarnkernel.hadoop.addresses import parse_address
from yarnkernel.hadoop.files import FileStatus
from yarnkernel.hadoop.http import fetch
from yarnkernel.hadoop.user import proxied_user, user_name

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

#: dfs.namenode.http-address and dfs.namenode.https-address of hdfs-default.xml.
_PORTS = {"http": 9870, "https": 9871}


class WebHdfs:
    """One HDFS.

    Parameters
    ----------
    configuration : Configuration
        Of the cluster.
    scheme : str
        ``"hdfs"``, ``"webhdfs"`` or ``"swebhdfs"``.
    authority : str
        The part of its URLs after the scheme: a host, or the name of a highly available HDFS.

    Attributes
    ----------
    servers : list of str
        Web addresses of the NameNodes that may be the active one.

    Raises
    ------
    UnreadableFileError
        When it requires Kerberos.
    """

    def __init__(self, configuration: Configuration, scheme: str, authority: str) -> None:
        if configuration.wants_kerberos:
            raise UnreadableFileError("HDFS with Kerberos is read by Hadoop's own client alone")
        self._configuration = configuration
        self._user = user_name(configuration.environment)
        self._proxied = proxied_user(configuration.environment)
        self.servers = (
            _namenodes(configuration, authority)
            if scheme == "hdfs"
            else [f"{'https' if scheme == 'swebhdfs' else 'http'}://{authority}"]
        )

    def list_directory(self, path: str, deadline: Deadline) -> dict[str, int] | None:
        """Return sizes in bytes by name; None if the directory does not exist."""
        try:
            document = json.loads(self._call("GET", path, "LISTSTATUS", deadline))
            files = document["FileStatuses"]["FileStatus"]
            return {str(file["pathSuffix"]): int(file["length"]) for file in files}
        except HttpError as exc:
            if exc.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise UnreadableFileError(f"cannot read {path} by WebHDFS: {exc}") from exc
        except (KeyError, TypeError, ValueError) as exc:
            raise UnreadableFileError(f"cannot read {path} by WebHDFS: it sends no list") from exc

    def status(self, path: str, deadline: Deadline) -> FileStatus | None:
        """Return a file's status; None if it does not exist."""
        try:
            found = json.loads(self._call("GET", path, "GETFILESTATUS", deadline))["FileStatus"]
            return FileStatus(int(found["length"]), int(found["modificationTime"]))
        except HttpError as exc:
            if exc.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise UnreadableFileError(f"cannot look at {path} by WebHDFS: {exc}") from exc
        except (KeyError, TypeError, ValueError) as exc:
            raise UnreadableFileError(f"cannot look at {path} by WebHDFS: no status") from exc

    def read(self, path: str, offset: int, length: int, deadline: Deadline) -> bytes:
        """Read ``length`` bytes, fewer at the end."""
        try:
            return self._call("GET", path, "OPEN", deadline, offset=offset, length=length)
        except HttpError as exc:
            raise UnreadableFileError(f"cannot read {path} by WebHDFS: {exc}") from exc

    def delete(self, path: str, deadline: Deadline) -> None:
        """Delete a file, or a directory with all its content."""
        try:
            self._call("DELETE", path, "DELETE", deadline, recursive="true")
        except HttpError as exc:
            raise UnreadableFileError(f"cannot delete {path} by WebHDFS: {exc}") from exc

    def _call(
        self, method: str, path: str, operation: str, deadline: Deadline, **parameters: object
    ) -> bytes:
        proxied = {"doas": self._proxied} if self._proxied else {}
        query = urlencode({"op": operation, "user.name": self._user, **proxied, **parameters})
        while True:
            url = f"{self.servers[0]}/webhdfs/v1{quote(path)}?{query}"
            try:
                return fetch(url, deadline, self._configuration, method=method)
            except HttpError as exc:
                # Another NameNode may be the active one.
                if len(self.servers) == 1 or (exc.status and "StandbyException" not in str(exc)):
                    raise
                self.servers.pop(0)


def _namenodes(configuration: Configuration, authority: str) -> list[str]:
    """Return the web addresses of one HDFS's NameNodes (DFSUtil.getInfoServer)."""
    scheme = "https" if configuration.get("dfs.http.policy") == "HTTPS_ONLY" else "http"
    setting = f"dfs.namenode.{scheme}-address"
    ids = configuration.get_list(f"dfs.ha.namenodes.{authority}")
    if ids:
        addresses = [configuration.get(f"{setting}.{authority}.{node}") for node in ids]
    else:
        host, _ = parse_address(authority, 0, "fs.defaultFS")
        address = configuration.get(f"{setting}.{authority}") or configuration.get(setting)
        # By default it listens on all addresses of its host.
        addresses = [address.replace("0.0.0.0", host) or host]  # noqa: S104
    servers = [parse_address(address, _PORTS[scheme], setting) for address in addresses if address]
    if not servers:
        raise UnreadableFileError(f"{configuration.source}: {setting} is not set for {authority}")
    return [f"{scheme}://{host}:{port}" for host, port in servers]
