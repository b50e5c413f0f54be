"""skein's driver: the JVM that submits applications, with a deadline for every call.

skein's own ``Client`` starts its driver without a deadline, with the calling process' environment
and with its log on the terminal, and its calls take no timeouts (skein 0.8.2, core.py); so the
process is started here, and the generated gRPC stub is called directly.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError
from yarnkernel.store.remote_error import RemoteError
from yarnkernel.store.rpc import call, close_channel, credentials, open_channel
from yarnkernel.store.skein_import import skein

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from yarnkernel.cluster.find import ClusterEnvironment

#: Seconds for a driver to start (measured: 1.3 s).
START_TIMEOUT = 60.0
#: Seconds between two checks whether to wait any longer for the driver.
LOOK_INTERVAL = 0.2
#: Seconds for it to end after SIGKILL.
KILL_TIMEOUT = 10.0
#: The driver lives for seconds, so a fast start matters more than fast execution.
JAVA_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData")


class Driver:
    """A running driver.

    Parameters
    ----------
    address : str
        ``host:port`` of its gRPC server.
    security : skein.Security
        The credentials that it was started with.
    process : subprocess.Popen, optional
        Its process if this process started it and has to end it.
    log : file, optional
        Its log file, which is closed with it.
    """

    def __init__(
        self,
        address: str,
        security: skein.Security,
        process: subprocess.Popen[bytes] | None = None,
        log: IO[bytes] | None = None,
    ) -> None:
        self.address = address
        self.security = security
        self._process = process
        self._log = log
        self._channel = open_channel(address, security)
        self.stub = skein.proto.DriverStub(self._channel)

    @property
    def has_ended(self) -> bool:
        """Whether this process started it and it has ended."""
        return self._process is not None and self._process.poll() is not None

    def close(self) -> None:
        """Close the connection, and end the process if this process started it."""
        close_channel(self._channel)
        if self._process is not None:
            _end(self._process)
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    # Killed, as it has no state to lose, and the clean exit at the end of its input takes half a
    # second.
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(KILL_TIMEOUT)
    if process.stdin is not None:
        process.stdin.close()


def _global_driver(cluster: ClusterEnvironment, security: skein.Security) -> Driver | None:
    """Return the driver of ``skein driver start`` if it answers and serves this cluster."""
    try:
        known = json.loads(Path(skein.core.properties.config_dir, "driver").read_text())
        address, process = known["address"], psutil.Process(known["pid"])
        theirs = process.environ().get("HADOOP_CONF_DIR")
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    if theirs != cluster.variables.get("HADOOP_CONF_DIR"):
        return None
    driver = Driver(address, security)
    try:
        call(driver.stub, "ping", skein.proto.Empty(), timeout=2)
    except RemoteError:
        driver.close()
        return None
    return driver


def _read(log: IO[bytes]) -> list[str]:
    # pread, as the driver shares the file's position and writes there.
    text = os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0)
    return text.decode(errors="replace").strip().splitlines()


def _start_driver(cluster: ClusterEnvironment, security: skein.Security) -> Driver:
    with contextlib.ExitStack() as stack:
        # An unnamed file is never left behind, however this process ends.
        log = stack.enter_context(tempfile.TemporaryFile())
        callback = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1))
        jar = skein.core._SKEIN_JAR  # noqa: SLF001
        environment = {
            **cluster.java_variables,
            "CLASSPATH": f"{jar}:{cluster.classpath}",
            "SKEIN_CERTIFICATE": os.fsdecode(security._get_bytes("cert")),  # noqa: SLF001
            "SKEIN_KEY": os.fsdecode(security._get_bytes("key")),  # noqa: SLF001
            "SKEIN_CALLBACK_PORT": str(callback.getsockname()[1]),
        }
        extra = cluster.variables.get("SKEIN_DRIVER_JAVA_OPTIONS", "").split()
        command = [cluster.java, *JAVA_OPTIONS, "-Dskein.log.level=INFO", *extra]
        command += ["com.anaconda.skein.Driver", "--jar", jar]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        except OSError as exc:
            raise ClusterError(f"skein's driver cannot be started: {exc}") from exc
        try:
            port = _await_port(process, callback, log)
            driver = Driver(f"127.0.0.1:{port}", security, process, log)
        except BaseException:
            _end(process)
            raise
        callback.close()
        stack.pop_all()  # the driver closes the log
        return driver


def _await_port(process: subprocess.Popen[bytes], callback: socket.socket, log: IO[bytes]) -> int:
    deadline = Deadline(START_TIMEOUT)
    while not deadline.passed:
        if select.select([callback], [], [], deadline.step(0.2))[0]:
            connection, _ = callback.accept()
            # Another process that connects first and sends less is not the driver.
            with connection, contextlib.suppress(OSError, struct.error):
                connection.settimeout(deadline.step(5))
                return int(struct.unpack("!i", connection.recv(4, socket.MSG_WAITALL))[0])
        if process.poll() is not None:
            said = _read(log)
            cause = next((line for line in said if "rror" in line), " ".join(said) or "no log")
            raise ClusterError(f"skein's driver ended while it started: {cause.strip()}")
    raise ClusterError(f"skein's driver did not start within {START_TIMEOUT:.0f} s")


def open_driver(cluster: ClusterEnvironment) -> Driver:
    """Connect to the user's global driver if it serves the cluster, else start one.

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster to serve.

    Returns
    -------
    Driver
        To be closed by the caller.

    Raises
    ------
    ClusterError
        When no driver can be started.
    """
    security = credentials()
    return _global_driver(cluster, security) or _start_driver(cluster, security)


class SharedDriver:
    """A driver that several threads use in turn, started when it is first needed.

    A driver serves only two calls at a time (skein 0.8.2, Driver.java).

    Parameters
    ----------
    cluster : ClusterEnvironment
        The cluster to serve.
    """

    def __init__(self, cluster: ClusterEnvironment) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._driver: Driver | None = None
        self._last_use = 0.0

    @contextlib.contextmanager
    def use(self, deadline: Deadline) -> Iterator[Driver]:
        """Reserve the driver for the body.

        Parameters
        ----------
        deadline : Deadline
            How long to wait for other users; may be cut short.

        Raises
        ------
        ClusterError
            When it cannot be started, or remains in use until the deadline.
        """
        while not self._lock.acquire(timeout=deadline.step(LOOK_INTERVAL)):
            if deadline.passed:
                raise ClusterError(
                    f"skein's driver was busy with others for {deadline.seconds:.0f} s"
                )
        try:
            if self._driver is not None and self._driver.has_ended:
                self._close()
            if self._driver is None:
                self._driver = open_driver(self._cluster)
            try:
                yield self._driver
            finally:
                self._last_use = time.monotonic()
        finally:
            self._lock.release()

    def close(self, timeout: float = START_TIMEOUT, *, unused: float = 0.0) -> None:
        """End the driver if it has not been used for some seconds.

        Parameters
        ----------
        timeout : float, default 60.0
            Seconds to wait for its current user; after that it is left to end with this process.
        unused : float, default 0.0
            Seconds without use.
        """
        if not self._lock.acquire(timeout=timeout):
            return
        try:
            if time.monotonic() - self._last_use >= unused:
                self._close()
        finally:
            self._lock.release()

    def _close(self) -> None:
        if self._driver is not None:
            self._driver.close()
            self._driver = None
