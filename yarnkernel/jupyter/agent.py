"""The agent: a process of its own that talks to the cluster for the provisioners of one front end.

``python -m yarnkernel.jupyter.agent`` reads requests from standard input, one JSON document a
line, and writes answers to standard output. So a front end's process holds no gRPC, which does not
survive a fork, needs no thread pool, which is gone at the interpreter's exit, and is never held up.
When its input ends, so has the front end: what it has not handed over is killed, and what nobody is
going to come back to is stopped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import IO, TYPE_CHECKING, Any

from yarnkernel.cluster.find import find_cluster
from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError, YarnKernelError
from yarnkernel.jupyter.agent_ends import Ends
from yarnkernel.jupyter.agent_starts import Starts
from yarnkernel.kernel_status import KernelStatus
from yarnkernel.kernels.control import interrupt, restart
from yarnkernel.kernels.launch import started_for
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.kernels.watch import KernelWatch
from yarnkernel.store.client import shut_down
from yarnkernel.yarn.client import YarnClient
from yarnkernel.yarn.kernel import YarnKernel
from yarnkernel.yarn.skein_driver import SharedDriver
from yarnkernel.yarn.way import choose_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.application import ApplicationStatus
    from yarnkernel.cluster.find import ClusterEnvironment

#: Seconds after which a driver that nobody has used is ended.
DRIVER_IDLE = 300.0
#: Seconds to wait for others that use a driver which is to be ended; it ends with us anyway.
DRIVER_PATIENCE = 1.0
#: Seconds to wait for an application's end before it is left to further tries.
END_PATIENCE = 30.0
#: Seconds that an ApplicationMaster may take to hear of its end.
MASTER_TIMEOUT = 5.0
#: Seconds to end everything when the front end has ended.
FAREWELL_TIMEOUT = 60.0
#: Seconds between two looks at an application that is ending.
END_INTERVAL = 0.05


class Agent:
    """Carries out requests, each in a thread of its own.

    Parameters
    ----------
    output : file
        Where answers are written to.
    """

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._writing = threading.Lock()
        self._cluster: ClusterEnvironment | None = None
        self._driver: SharedDriver | None = None
        self._opening = threading.Lock()
        self._starts = Starts()
        self._ends = Ends(self._end_application, self._ask_master)
        self._watches: dict[str, KernelWatch] = {}
        self._kept: set[str] = set()
        #: Where each kernel is; another cluster may be the user's by now.
        self._clusters: dict[str, ClusterEnvironment] = {}
        self._threads: set[threading.Thread] = set()

    def serve(self, requests: IO[str]) -> None:
        """Carry out requests until there are no more, and then end what is left."""
        stopping = threading.Event()
        closer = threading.Thread(target=self._close_idle_driver, args=(stopping,), daemon=True)
        closer.start()
        try:
            for line in requests:
                if not line.endswith("\n"):
                    break  # the front end was killed while it wrote
                self._begin(line)
        finally:
            stopping.set()
            self._end()

    def _begin(self, line: str) -> None:
        request = json.loads(line)
        if request["method"] == "release":  # at once: the end of our input may be the next line
            self._kept.difference_update(request["parameters"]["app_ids"])
            return
        thread = threading.Thread(target=self._carry_out, args=(request,), daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as exc:  # this user may have no more threads now
            self._threads.discard(thread)
            self._write(id=request["id"], error=str(exc), exit_code=1)

    def _close_idle_driver(self, stopping: threading.Event) -> None:
        while not stopping.wait(DRIVER_IDLE / 10):
            if self._driver is not None:
                self._driver.close(DRIVER_PATIENCE, unused=DRIVER_IDLE)

    def _write(self, **message: Any) -> None:
        # A front end that has ended does not read any more.
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._output.write(json.dumps(message) + "\n")
            self._output.flush()

    def _carry_out(self, request: dict[str, Any]) -> None:
        number = request["id"]
        try:
            result = getattr(self, f"do_{request['method']}")(number, **request["parameters"])
            self._write(id=number, result=result)
        except YarnKernelError as exc:
            self._write(id=number, error=str(exc), exit_code=exc.exit_code)
        except Exception as exc:  # noqa: BLE001  (whatever it is, somebody waits for an answer)
            traceback.print_exc()
            self._write(id=number, error=f"a fault of yarnkernel's: {exc!r}", exit_code=1)
        finally:
            self._threads.discard(threading.current_thread())

    def _open(self) -> YarnClient:
        """Make a client for a start: they are not shared by threads."""
        cluster = find_cluster()  # may take a while: nobody else waits for that
        with self._opening:
            if cluster != self._cluster or self._driver is None:
                unused, self._cluster, self._driver = self._driver, cluster, SharedDriver(cluster)
                if unused is not None:
                    unused.close(DRIVER_PATIENCE)
        return YarnClient(cluster)

    def do_start(
        self,
        number: int,
        *,
        options: dict[str, Any],
        recipe_options: list[str],
        keys: dict[str, str],
        keep: bool,
    ) -> dict[str, Any]:
        """Start a kernel and watch it.

        Parameters
        ----------
        number : int
            Of the request; changes of state are told under it.
        options : dict
            For :meth:`LaunchOptions.from_dict`.
        recipe_options : list of str
            Further options of the recipe.
        keys : dict of str to str
            The kernel's keys.
        keep : bool
            Whether the kernel is left running when the front end ends without a word.

        Returns
        -------
        dict
            ``app_id``, and ``connection_info``.
        """
        launch = LaunchOptions.from_dict(options)
        deadline = Deadline(launch.timeout)
        with self._starts.begun(number, deadline), self._open() as client:

            def report(line: str) -> None:
                self._write(id=number, progress=line)

            way = choose_way(
                client,
                launch.via,
                scheduling=launch.scheduling,
                driver=self._driver,
                explain=report,
                sealed=launch.sealed,
            )
            with started_for(
                way, launch, keys, deadline, recipe_options=recipe_options, report=report
            ) as (kernel, info):
                self._clusters[kernel.app_id] = client.cluster
                self.do_watch(number, app_id=kernel.app_id, keep=keep)
                self._starts.complete(number, kernel.app_id)
        return {"app_id": kernel.app_id, "connection_info": info}

    def do_cancel(self, _number: int, *, start: int) -> None:
        """Give up a start that nobody waits for any more, and kill what it has started."""
        app_id = self._starts.give_up(start)
        if app_id:
            self._ends.see_to(app_id, 0.0, END_PATIENCE)

    def do_watch(self, _number: int, *, app_id: str, keep: bool) -> None:
        """Tell what happens to a kernel from now on; ``keep`` is as for a start."""
        if keep:
            self._kept.add(app_id)

        def tell(news: KernelStatus | ApplicationStatus | None) -> None:
            if isinstance(news, KernelStatus):
                kernel = {
                    "state": news.state,
                    "restarts": news.restarts,
                    "last_end": news.last_end,
                    "exit_code": news.exit_code,
                }
                self._write(app_id=app_id, kernel=kernel)
            else:
                self._watches.pop(app_id, None)
                self._kept.discard(app_id)
                self._clusters.pop(app_id, None)
                ended = dataclasses.asdict(news) if news is not None else {}
                found = ("state", "final_status", "diagnostics")
                self._write(app_id=app_id, ended={name: ended.get(name, "") for name in found})

        self._watches[app_id] = watch = KernelWatch(self._kernel(app_id), tell)
        watch.start()

    def _kernel(self, app_id: str) -> YarnKernel:
        cluster = self._clusters.get(app_id)
        if cluster is None:
            cluster = self._clusters[app_id] = find_cluster()
        return YarnKernel(app_id, YarnClient(cluster))

    def do_restart(
        self, _number: int, *, app_id: str, restarts: int, timeout: float
    ) -> dict[str, int]:
        """Restart a kernel in place unless it has been since ``restarts`` was true."""
        kernel = self._kernel(app_id)
        with kernel.client:
            last = self._last_status(app_id)
            return {"restarts": restart(kernel, timeout, restarts=restarts, last=last)[1]}

    def do_interrupt(self, _number: int, *, app_id: str, timeout: float) -> str:
        """Interrupt a kernel; see :func:`kernel_control.interrupt`."""
        kernel = self._kernel(app_id)
        with kernel.client:
            return interrupt(kernel, timeout, last=self._last_status(app_id))

    def do_end(self, _number: int, *, app_id: str, grace: float) -> str:
        """See to it that an application has ended.

        Parameters
        ----------
        app_id : str
            Its id.
        grace : float
            Seconds that it has to end by itself, as its kernel was asked to.

        Returns
        -------
        str
            Its final state.
        """
        return self._ends.see_to(app_id, grace, grace + END_PATIENCE)

    def _end_application(self, app_id: str, grace: float) -> str:
        kernel = self._kernel(app_id)
        try:
            with kernel.client:
                status, deadline = kernel.status(), Deadline(grace)
                while not status.ended and not deadline.passed:
                    time.sleep(END_INTERVAL)
                    status = kernel.status()
                status = status if status.ended else kernel.stop(force=True)
        except ClusterError:
            self._clusters.pop(app_id, None)  # the next try asks which it is now
            raise
        self._clusters.pop(app_id, None)
        return status.outcome

    def _ask_master(self, app_id: str) -> bool:
        """Ask for an application's end where its watch has seen its ApplicationMaster."""
        status = self._last_status(app_id)
        if status is not None:
            shut_down(status, "Its front end has shut it down.", MASTER_TIMEOUT)
        return status is not None

    def _last_status(self, app_id: str) -> ApplicationStatus | None:
        """What was last seen of an application that ran."""
        watch = self._watches.get(app_id)
        return watch.status if watch is not None else None

    def _end(self) -> None:
        """End what nobody is there for any more."""
        deadline = Deadline(FAREWELL_TIMEOUT)
        self._starts.give_up_all()
        enders = [self._in_thread(self._end_one, app_id) for app_id in list(self._watches)]
        for thread in [*list(self._threads), *enders]:
            thread.join(deadline.remaining)
        self._ends.await_all(deadline)
        if self._driver is not None:
            self._driver.close(DRIVER_PATIENCE)

    def _end_one(self, app_id: str) -> None:
        if app_id not in self._kept:
            with contextlib.suppress(YarnKernelError):
                self._ends.see_to(app_id, 0.0, FAREWELL_TIMEOUT)

    @staticmethod
    def _in_thread(target: Callable[[str], None], argument: str) -> threading.Thread:
        thread = threading.Thread(target=target, args=(argument,), daemon=True)
        thread.start()
        return thread


def main() -> None:
    """Serve standard input and output."""
    # What a library prints must not come between the answers.
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def leave(*_: object) -> None:
        raise SystemExit

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    with contextlib.suppress(SystemExit):
        Agent(output).serve(sys.stdin)
    os._exit(0)  # gRPC's threads may linger


if __name__ == "__main__":
    main()
