"""The keeper: a process that keeps the line to one host, for all of the user's commands here.

``python -m yarnkernel.hosts.keeper``, started by :mod:`yarnkernel.hosts.ssh`. If the line breaks,
it reopens it with the same forwards on the same ports. It ends when nobody uses it any more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from yarnkernel.errors import HostError, HostRefusedError
from yarnkernel.hosts.forwards import Forward, Forwards
from yarnkernel.hosts.line import Line, NeedsPersonError, NotSentError, free_port

#: Files in its directory.
SOCKET, CONTROL, LOG, FORWARDS = "k", "c", "ssh.log", "forwards.json"
#: Seconds without a forward or a request after which it ends.
UNUSED = 60.0
#: Seconds for the first request of the process that started it.
FIRST_TIMEOUT = 10.0
#: Seconds between two checks that the forwards' kernels are running.
LOOK_INTERVAL = 20.0
#: Seconds between two checks for a listener at the end of a forward that ends by a word.
LISTENER_INTERVAL = 600.0
#: Seconds between two tries to reopen a broken line: growing to the last.
RETRIES = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
#: Seconds between two tries if a person is needed, unless somebody logs in first.
PERSON_INTERVAL = 600.0
#: Seconds after which a broken line is given up.
GIVE_UP = 7 * 86400.0
#: The most seconds between two tries while somebody waits for the line.
LONGEST_RETRY = 5.0
#: The most bytes of a request or an answer.
LARGEST = 1 << 26
#: Attempts to find a free port.
PORT_ATTEMPTS = 5


class Keeper:
    """Keeps one line.

    Parameters
    ----------
    options : argparse.Namespace
        The command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._directory: Path = options.directory
        self._line: Line | None = None
        self._connected = asyncio.Event()
        self._answered = asyncio.Event()
        self._trouble = ""
        self._forwards = Forwards(self._directory / FORWARDS)
        self._opening: dict[tuple[str, int], asyncio.Lock] = {}
        self._requests = self._waiting = 0
        self._used = time.monotonic()

    async def run(self) -> None:
        """Serve until nobody uses it any more, or the first attempt to open the line fails."""
        path = self._directory / SOCKET
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        server = await asyncio.start_unix_server(self._serve, str(path), limit=LARGEST)
        keeping = asyncio.create_task(self._keep())
        unused = asyncio.create_task(self._until_unused())
        await asyncio.wait((keeping, unused), return_when=asyncio.FIRST_COMPLETED)
        with contextlib.suppress(asyncio.TimeoutError):
            # The process that started this one may not have connected yet, and must get the reason.
            await asyncio.wait_for(self._answered.wait(), FIRST_TIMEOUT)
        server.close()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        keeping.cancel()
        unused.cancel()
        if self._line is not None:
            await self._line.close()
        await asyncio.sleep(0.1)  # for the last answers

    async def _keep(self) -> None:
        """Open the line, and reopen it whenever it breaks; return if the first attempt fails.

        Pending requests are answered then.
        """
        tries, was_open, lost = 0, False, time.monotonic()
        while time.monotonic() - lost < GIVE_UP:
            try:
                self._line = await Line.open(
                    self._options.host,
                    self._options.jump,
                    self._options.python,
                    self._directory / CONTROL,
                    self._directory / LOG,
                )
                await self._forward_again(self._line)
            except HostError as exc:
                self._trouble = str(exc)
                if not was_open:
                    self._connected.set()
                    return
                if isinstance(exc, NeedsPersonError):
                    await self._until_somebody_logs_in()
                else:
                    await self._pause(RETRIES[tries])
                tries = min(tries + 1, len(RETRIES) - 1)
                continue
            tries, was_open, self._trouble = 0, True, ""
            self._connected.set()
            await asyncio.wait([self._line.ended])
            self._connected.clear()
            lost = time.monotonic()
            self._trouble = f"the line to {self._options.host} was lost"
            await asyncio.sleep(RETRIES[0])

    async def _until_somebody_logs_in(self) -> None:
        """Wait some time for a person to open a connection at the control path.

        Sites lock accounts after a few failures.
        """
        end = time.monotonic() + PERSON_INTERVAL
        control = self._directory / CONTROL
        while time.monotonic() < end and not control.exists():  # noqa: ASYNC110  (a file)
            await asyncio.sleep(RETRIES[1])

    async def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, LONGEST_RETRY))
            if self._waiting:
                return

    async def _forward_again(self, line: Line) -> None:
        for forward in self._forwards:
            try:
                await line.forward(forward)
            except HostError as exc:  # somebody has taken the port in the meantime
                print(exc, file=sys.stderr, flush=True)  # noqa: T201  (into its own log)
                if forward.is_socks:  # its users ask for the port each time
                    self._forwards.drop(forward)

    async def _until_unused(self) -> None:
        while self._requests or self._forwards or time.monotonic() - self._used < UNUSED:
            await asyncio.sleep(min(LOOK_INTERVAL, UNUSED))
            await self._drop_forwards()

    async def _drop_forwards(self) -> None:
        """Cancel the forwards of kernels that have ended."""
        line = self._line
        if line is None or not self._connected.is_set():
            return
        for until in {forward.until for forward in self._forwards if not forward.is_socks}:
            with contextlib.suppress(HostError, asyncio.TimeoutError):
                if await self._has_ended(line, until):
                    await self._release(line, until)

    async def _has_ended(self, line: Line, until: str) -> bool:
        """Return whether a file is gone, or a word's forwards have no listener any more."""
        if until.startswith("/"):
            answer = await line.call("exists", {"path": until}, LOOK_INTERVAL)
            return not answer.get("result", True)
        # A store if there is one: a kernel may count a probe of its own ports as a user.
        theirs = [forward for forward in self._forwards if forward.until == until]
        forward = min(theirs, key=lambda one: one.greets)
        if time.time() - forward.seen < LISTENER_INTERVAL:
            return False
        try:
            await line.probe(forward)
        except HostRefusedError:
            return not line.ended.done()
        self._forwards.add(replace(forward, seen=time.time()))
        return False

    async def _release(self, line: Line, until: str) -> None:
        for forward in self._forwards.take(until):
            await line.cancel(forward)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._requests += 1
        try:
            request = json.loads(await reader.readline())
            try:
                answer = await asyncio.wait_for(self._answer(request), request["patience"])
            except HostRefusedError as exc:
                answer = {"refused": str(exc)}
            except HostError as exc:
                answer = {"unreached": str(exc)}
            except asyncio.TimeoutError:
                why = self._trouble or f"{request['call']} was not answered"
                answer = {"late": f"{self._options.host}: {why}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
            if request["call"] == "socks":  # the line is kept until the client has ended
                await reader.read()
        except (OSError, ValueError):  # the client has gone
            pass
        finally:
            self._used = time.monotonic()
            self._requests -= 1
            self._answered.set()
            writer.close()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        while True:
            self._waiting += 1
            try:
                await self._connected.wait()
            finally:
                self._waiting -= 1
            try:
                return await self._answer_over_line(request)
            except NotSentError:  # the line is just ending
                await asyncio.sleep(RETRIES[0])

    async def _answer_over_line(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._line is None:
            raise HostError(self._trouble)
        name, arguments = request["call"], request["arguments"]
        if name == "forward":
            return {"result": await self._forward(self._line, **arguments)}
        if name == "socks":
            return {"result": await self._forward(self._line, "", 0, "", greets=False)}
        if name == "release":
            await self._release(self._line, **arguments)
            return {"result": None}
        return await self._line.call(name, arguments, request["patience"])

    async def _forward(self, line: Line, host: str, port: int, until: str, *, greets: bool) -> int:
        async with self._opening.setdefault((host, port), asyncio.Lock()):
            known = self._forwards.find(host, port)
            if known is None:
                wanted = Forward(host, port, 0, until, greets)
                known = await self._open_port(line, wanted)
                self._forwards.add(known)
            return known.local

    async def _open_port(self, line: Line, wanted: Forward) -> Forward:
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            forward = replace(wanted, local=free_port())
            try:
                await line.forward(forward)
            except HostError:  # somebody was first
                if not attempts_left:
                    raise
            else:
                if not forward.greets:
                    return forward
                try:
                    await line.probe(forward)
                except HostError:
                    await line.cancel(forward)
                    raise
                return forward
        raise HostError(f"{self._options.host}: there is no port left")


def main() -> int:
    """Keep a line."""
    parser = argparse.ArgumentParser(prog="python -m yarnkernel.hosts.keeper")
    parser.add_argument("directory", type=Path)
    parser.add_argument("host")
    parser.add_argument("--jump", action="append", default=[])
    parser.add_argument("--python", default="")
    options = parser.parse_args()
    os.umask(0o077)
    asyncio.run(Keeper(options).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
