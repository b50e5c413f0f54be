"""The agent: a separate process that talks to the cluster for one front end's provisioners.

``python -m yarnkernel.jupyter.agent`` reads requests from standard input and writes answers
to standard output, see :mod:`.messages`. So a front end's process does not load gRPC, which does
not survive a fork, needs no thread pool, which is gone at the interpreter's exit, and never blocks.
The end of the input means that the front end has ended: the agent then cancels the starts that are
under way, and stops the kernels that nobody will come back to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from typing import IO, TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import PlaceError, YarnKernelError
from yarnkernel.jupyter.agent_ends import Ends
from yarnkernel.jupyter.agent_starts import Starts
from yarnkernel.jupyter.messages import (
    Cancel,
    CarryFile,
    Done,
    End,
    EndNews,
    Failed,
    Interrupt,
    KernelNews,
    Release,
    Restart,
    Restarted,
    Start,
    Started,
    Watch,
    decode,
    encode,
)
from yarnkernel.kernel_status import KernelStatus
from yarnkernel.kernels.interfaces import YARN
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.kernels.places import open_place, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.jupyter.messages import Message
    from yarnkernel.kernels.handle import Kernel, Status
    from yarnkernel.kernels.handle import Watch as KernelWatch
    from yarnkernel.kernels.place import Place
    from yarnkernel.progress import Progress
    from yarnkernel.store.address import StoreAddress


#: Seconds after which a place releases unused resources, such as skein's driver.
IDLE = 300.0
#: Seconds to wait for other users of these; they end with this process anyway.
PATIENCE = 1.0
#: Seconds to wait for an application's end before further tries go on in the background.
END_PATIENCE = 30.0
#: Seconds for an ApplicationMaster to accept the request to end.
MASTER_TIMEOUT = 5.0
#: Seconds to end everything after the front end has ended.
FAREWELL_TIMEOUT = 60.0
#: Seconds between two checks of an application that is ending.
END_INTERVAL = 0.05


class Agent:
    """Carries out requests, each in its own thread.

    Parameters
    ----------
    output : file
        Where answers are written.
    """

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._writing = threading.Lock()
        self._place: Place | None = None
        self._opening = threading.Lock()
        self._starts = Starts()
        self._ends = Ends(self._end_application, self._ask_master)
        self._watches: dict[str, KernelWatch] = {}
        self._kept: set[str] = set()
        #: The place of each kernel: the user may have switched to another cluster since.
        self._places: dict[str, Place] = {}
        self._threads: set[threading.Thread] = set()

    def serve(self, requests: IO[str]) -> None:
        """Carry out requests until the input ends, then end what is left."""
        stopping = threading.Event()
        closer = threading.Thread(target=self._let_go, args=(stopping,), daemon=True)
        closer.start()
        try:
            for line in requests:
                if not line.endswith("\n"):
                    break  # the front end was killed while writing
                self._begin(line)
        finally:
            stopping.set()
            self._end()

    def _begin(self, line: str) -> None:
        number, request = decode(line)
        if isinstance(request, Release):  # at once, as the input may end next
            self._kept.difference_update(request.kernels)
            return
        assert number is not None  # noqa: S101  (of a request)
        thread = threading.Thread(target=self._carry_out, args=(number, request), daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as exc:  # the user's limit of threads is reached
            self._threads.discard(thread)
            self._write(Failed(str(exc)), number)

    def _let_go(self, stopping: threading.Event) -> None:
        while not stopping.wait(IDLE / 10):
            if self._place is not None:
                self._place.close(PATIENCE, unused=IDLE)

    def _write(self, message: Message, number: int | None = None) -> None:
        # A front end that has ended no longer reads.
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._output.write(encode(message, number) + "\n")
            self._output.flush()

    def _carry_out(self, number: int, request: Message) -> None:
        try:
            self._write(self._answer(number, request), number)
        except YarnKernelError as exc:
            self._write(Failed(str(exc), exc.exit_code), number)
        except Exception as exc:  # noqa: BLE001  (whatever it is, somebody waits for an answer)
            traceback.print_exc()
            self._write(Failed(f"an error in yarnkernel: {exc!r}"), number)
        finally:
            self._threads.discard(threading.current_thread())

    def _answer(self, number: int, request: Message) -> Message:
        match request:
            case Start():
                return self._start(number, request)
            case Cancel():
                self._cancel(request)
                return Done()
            case Watch() | CarryFile():
                self._look_after(request)
                return Done()
            case Restart():
                return self._restart(request)
            case Interrupt():
                with self._kernel(request.kernel) as kernel:
                    last = self._last_address(request.kernel)
                    return Done(kernel.interrupt(request.timeout, last=last))
            case End():
                patience = request.grace + END_PATIENCE
                return Done(self._ends.see_to(request.kernel, request.grace, patience))
            case _:
                raise YarnKernelError(f"{type(request).__name__} is nothing to ask for")

    def _look_after(self, request: Watch | CarryFile) -> None:
        if isinstance(request, Watch):
            self._watch(request.kernel, keep=request.keep)
            return
        from yarnkernel.kernels.notebook_files import carry_file  # noqa: PLC0415  (few do)

        with self._kernel(request.kernel) as kernel:
            carry_file(kernel, request.transfer, request.directory)

    def _current_place(self, launch: LaunchOptions) -> Place:
        """Return the place for a start; all starts on a YARN cluster share one."""
        if (launch.interface or YARN) != YARN:
            return open_place(launch)
        place = open_place(launch)
        _ = place.source  # may be slow, so not under the lock
        with self._opening:
            if self._place is None or place != self._place:
                unused, self._place = self._place, place
                if unused is not None:
                    unused.close(PATIENCE)
            return self._place

    def _start(self, number: int, request: Start) -> Started:
        launch = LaunchOptions.from_dict(request.options)
        deadline = Deadline(launch.timeout)

        def report(progress: Progress) -> None:
            self._write(progress, number)

        with self._starts.begun(number, deadline):
            place = self._current_place(launch)
            with place.start(
                launch,
                deadline,
                keys=request.keys,
                recipe_options=request.recipe_options,
                report=report,
            ) as (kernel, info):
                self._places[kernel.id] = place
                self._watch(kernel.id, keep=request.keep)
                self._starts.complete(number, kernel.id)
        return Started(kernel.id, dict(info))

    def _cancel(self, request: Cancel) -> None:
        kernel = self._starts.give_up(request.start)
        if kernel:
            self._ends.see_to(kernel, 0.0, END_PATIENCE)

    def _watch(self, kernel: str, *, keep: bool) -> None:
        if keep:
            self._kept.add(kernel)

        def tell(news: KernelStatus | Status | None) -> None:
            if isinstance(news, KernelStatus):
                told = news.state, news.restarts, news.last_end, news.exit_code, news.directory
                self._write(KernelNews(kernel, *told, news.transfer, news.has_children))
                return
            self._watches.pop(kernel, None)
            self._kept.discard(kernel)
            self._places.pop(kernel, None)
            end = EndNews(kernel)
            if news is not None:
                end = EndNews(kernel, news.outcome, news.diagnostics.strip(), news.lost)
            self._write(end)

        self._watches[kernel] = self._kernel(kernel).watch(tell)

    def _restart(self, request: Restart) -> Restarted:
        with self._kernel(request.kernel) as kernel:
            last = self._last_address(request.kernel)
            _, restarts = kernel.restart(request.timeout, restarts=request.restarts, last=last)
            return Restarted(restarts)

    def _kernel(self, app_id: str) -> Kernel:
        place = self._places.get(app_id)
        if place is None:
            place = self._places[app_id] = place_of(app_id)
        return place.find(app_id)

    def _end_application(self, app_id: str, grace: float) -> str:
        try:
            with self._kernel(app_id) as kernel:
                status, deadline = kernel.status(), Deadline(grace)
                while not status.ended and not deadline.passed:
                    time.sleep(END_INTERVAL)
                    status = kernel.status()
                status = status if status.ended else kernel.stop(force=True)
        except PlaceError:
            self._places.pop(app_id, None)  # the next try finds the place again
            raise
        self._places.pop(app_id, None)
        return status.outcome

    def _ask_master(self, app_id: str) -> bool:
        """Ask an application's ApplicationMaster to end it, if its watch has seen that."""
        address = self._last_address(app_id)
        if address is not None:
            with self._kernel(app_id) as kernel:
                kernel.shut_down(address, "Its front end has shut it down.", MASTER_TIMEOUT)
        return address is not None

    def _last_address(self, app_id: str) -> StoreAddress | None:
        """Return the last known address of a kernel's key-value store."""
        watch = self._watches.get(app_id)
        return watch.address if watch is not None else None

    def _end(self) -> None:
        """End everything that is not to be kept."""
        deadline = Deadline(FAREWELL_TIMEOUT)
        self._starts.give_up_all()
        enders = [self._in_thread(self._end_one, app_id) for app_id in list(self._watches)]
        for thread in [*list(self._threads), *enders]:
            thread.join(deadline.remaining)
        self._ends.await_all(deadline)
        if self._place is not None:
            self._place.close(PATIENCE)

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
    # Libraries' output must not mix with the answers.
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
