"""A kernel outside YARN: its status, its start, its log and its end."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

from yarnkernel.announcement import ADDRESS_FILE, END_FILE, FILES_DIRECTORY, LOG_FILE
from yarnkernel.connection import (
    KERNEL_INFO_KEY,
    RECIPE_DIAGNOSTICS,
    ConnectionInfo,
    parse_connection_info,
)
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    ApplicationTimeoutError,
    HostError,
    HostRefusedError,
    KernelStartError,
    KernelStartTimeoutError,
)
from yarnkernel.jobs.carriers import carrier_of
from yarnkernel.jobs.judge import judge, read_document, remembered_status
from yarnkernel.jobs.log import Log
from yarnkernel.jobs.reach import Reach
from yarnkernel.jobs.status import (
    FAILED,
    KILLED,
    RUNNING,
    STARTING,
    UNKNOWN,
    HostedStatus,
)
from yarnkernel.kernels.handle import STOP_TIMEOUT
from yarnkernel.kernels.log_files import LogFile
from yarnkernel.kernels.supervised import SupervisedKernel
from yarnkernel.progress import Progress, ignore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from yarnkernel.hosts.host import Host
    from yarnkernel.jobs.record import Record
    from yarnkernel.progress import Report
    from yarnkernel.store.address import StoreAddress

#: Seconds to wait for one of the kernel's files before its carrier is asked.
LOOK_INTERVAL = 2.0
#: Seconds for one request to its store.
STEP_TIMEOUT = 5.0
#: The most bytes of the log that an error shows.
TAIL = 2000


class HostedKernel(SupervisedKernel):
    """See :class:`yarnkernel.kernels.handle.Kernel`.

    Parameters
    ----------
    record : Record
        The record of its start.
    host : Host
        The host to ask.
    """

    def __init__(self, record: Record, host: Host) -> None:
        self.id = record.id
        self.record = record
        self.host = host
        self.phases: dict[str, float] = {}
        self._carrier = carrier_of(record.interface)
        self._log = Log(host, self._path(LOG_FILE))
        self._address_path = self._path(ADDRESS_FILE)
        self._files = [self._path(END_FILE), self._address_path]
        self._reach = Reach(record, host)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def again(self) -> HostedKernel:
        """See :meth:`yarnkernel.kernels.handle.Kernel.again`."""
        return HostedKernel(self.record, self.host)

    def _path(self, name: str) -> str:
        return f"{self.record.directory}/{name}"

    def status(self, *, remembered: bool = False) -> HostedStatus:  # noqa: ARG002
        """See :meth:`yarnkernel.kernels.handle.Kernel.status`."""
        if self.record.final:
            return remembered_status(self.record)
        return self._status(self.host.await_file(self._files, 0.0))

    def _status(self, found: dict[str, bytes]) -> HostedStatus:
        status = judge(self.record, self.host, self._carrier, found)
        self.record = status.record
        return status

    def _ask(self, timeout: float) -> HostedStatus:  # noqa: ARG002  (each step has its own)
        """See :class:`SupervisedKernel`."""
        return self.status()

    def reached(self, info: ConnectionInfo) -> ConnectionInfo:
        """See :meth:`yarnkernel.kernels.handle.Addressed.reached`."""
        return self._reach.connection_info(info)

    def wait(
        self, deadline: Deadline, *, key: str = KERNEL_INFO_KEY, report: Report = ignore
    ) -> ConnectionInfo:
        """See :meth:`yarnkernel.kernels.handle.Kernel.wait`."""
        begin = time.monotonic()
        said = ""
        status: HostedStatus | None = None
        while not deadline.passed:
            try:
                found = self.host.await_file(self._files, deadline.step(LOOK_INTERVAL))
                if (info := self._published(found, key, deadline, begin)) is not None:
                    return info
                status = self._status(found)
            except HostRefusedError:
                status = self.status()
                if not status.ended:
                    raise
            except HostError as exc:
                if deadline.passed:
                    break
                if str(exc) != said:
                    report(Progress("trouble", kernel=self.id, reason=str(exc)))
                    said = str(exc)
                time.sleep(deadline.step(LOOK_INTERVAL))
                continue
            self._note(status.state, begin)
            if status.ended or status.hopeless:
                raise self._failed(status)
            words = f"{status.state} {status.diagnostics}"
            if words != said:
                report(_step(status))
                said = words
        raise self._late(deadline, status)

    def _published(
        self, found: dict[str, bytes], key: str, deadline: Deadline, begin: float
    ) -> ConnectionInfo | None:
        """Return what it has published, if it has announced its store, or None after a while."""
        if self._address_path not in found or len(found) > 1:
            return None
        store = self._reach.store(read_document(found[self._address_path]))
        self._note("RUNNING", begin)
        if (value := self._await_key(store, key, deadline)) is None:
            return None
        self._note("PUBLISHED", begin)
        return self._reach.connection_info(parse_connection_info(value, am_host="localhost"))

    def _note(self, state: str, begin: float) -> None:
        self.phases.setdefault(state, time.monotonic() - begin)

    def _await_key(self, store: StoreAddress, key: str, deadline: Deadline) -> bytes | None:
        """Return a key's value as soon as it is set, or None after a while."""
        from yarnkernel.store.client import watch_key  # noqa: PLC0415  (zmq)
        from yarnkernel.store.remote_error import RemoteError  # noqa: PLC0415

        with contextlib.suppress(RemoteError):  # it may just be ending
            for value in watch_key(store, key, deadline.step(STEP_TIMEOUT)):
                return value
        return None

    def _failed(self, status: HostedStatus) -> KernelStartError:
        with_log = not status.diagnostics.startswith(RECIPE_DIAGNOSTICS)  # with the log's end
        what = "ended before its kernel could be used" if status.ended else "will not start"
        return KernelStartError(
            f"{self.id} {what}: {status.outcome}",
            app_id=self.id,
            state=status.state,
            diagnostics=status.diagnostics,
            log=self._tail() if with_log else "",
            hint=f"yarnkernel logs {self.id}",
        )

    def _late(self, deadline: Deadline, status: HostedStatus | None) -> KernelStartTimeoutError:
        state = status.state if status else UNKNOWN
        return KernelStartTimeoutError(
            f"{self.id} had no usable kernel after {deadline.seconds:.0f} s: it is {state}",
            app_id=self.id,
            state=state,
            diagnostics=status.diagnostics if status else "",
            log=self._tail() if state in (STARTING, RUNNING) else "",
            hint="give it longer with --timeout",
        )

    def _tail(self) -> str:
        with contextlib.suppress(HostError):
            return self._log.tail(TAIL).strip()
        return ""

    def logs(
        self,
        *,
        every: bool = False,  # noqa: ARG002
        last_bytes: int | None = None,
        timeout: float = 30.0,  # noqa: ARG002
    ) -> Iterator[LogFile]:
        """See :meth:`yarnkernel.kernels.handle.Kernel.logs`."""
        return map(self._log_file, self._log.read(last_bytes))

    def follow_logs(
        self,
        *,
        every: bool = False,  # noqa: ARG002
        last_bytes: int | None = None,
    ) -> Iterator[LogFile]:
        """See :meth:`yarnkernel.kernels.handle.Kernel.follow_logs`."""
        follow = self._log.follow(self._has_ended, last_bytes)
        return map(self._log_file, follow)

    def _has_ended(self) -> bool:
        return self.status().ended

    def _log_file(self, text: str) -> LogFile:
        return LogFile(self.id, self.record.node, LOG_FILE, text)

    def stop(
        self, *, force: bool = False, timeout: float = STOP_TIMEOUT, report: Report = ignore
    ) -> HostedStatus:
        """See :meth:`yarnkernel.kernels.handle.Kernel.stop`."""
        status = self.status()
        if status.ended:
            report(Progress("gone", kernel=self.id, state=status.outcome))
            return status
        if not force:
            if status.store is not None:
                from yarnkernel.store.remote_error import RemoteError  # noqa: PLC0415

                try:
                    self.shut_down(status.store, "Stopped by yarnkernel stop.", STEP_TIMEOUT)
                except RemoteError as exc:
                    report(Progress("silent", kernel=self.id, reason=str(exc)))
                else:
                    status = self.await_end(timeout)
            if not status.ended:
                status = self._end(status, timeout, force=False)
        if not status.ended:
            status = self._end(status, timeout, force=True)
        if not status.ended:
            raise ApplicationTimeoutError(
                f"{self.id} did not end within {timeout:.0f} s: {status.outcome}",
                app_id=self.id,
                state=status.state,
                diagnostics=status.diagnostics,
                hint=f"yarnkernel status {self.id}",
            )
        report(Progress("state", kernel=self.id, state=status.outcome))
        return status

    def _end(self, status: HostedStatus, timeout: float, *, force: bool) -> HostedStatus:
        """Let its carrier end it; record its end here if it can no longer do so itself."""
        is_certain = self._carrier.end(self.record, self.host, force=force)
        was_waiting = status.store is None and status.state not in (STARTING, UNKNOWN)
        if not (is_certain and (force or was_waiting)):
            status = self.await_end(timeout)
            if status.state != FAILED or status.finished:
                return status
        end = {"final_status": KILLED, "diagnostics": "Killed by yarnkernel stop."}
        content = json.dumps({**end, "moment": time.time()}).encode()
        self.host.write({self._path(END_FILE): content})
        self.host.remove(self._path(FILES_DIRECTORY))
        return self.status()

    def await_end(self, timeout: float) -> HostedStatus:
        """See :meth:`yarnkernel.kernels.handle.Kernel.await_end`."""
        deadline = Deadline(timeout)
        while True:
            self.host.await_file([self._path(END_FILE)], deadline.step(LOOK_INTERVAL / 4))
            status = self.status()
            if status.ended or deadline.passed:
                return status


def _step(status: HostedStatus) -> Progress:
    if status.state in (STARTING, RUNNING):
        return Progress("running", status.id, status.host, status.state)
    place = status.queue or status.record.interface
    return Progress("waiting", status.id, place, status.state, status.diagnostics)
