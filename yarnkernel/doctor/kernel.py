"""Checks of an existing kernel: its state, log, store and ports."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from yarnkernel.connection import PORT_NAMES, is_encrypted
from yarnkernel.deadline import Deadline
from yarnkernel.doctor.check import failed, failure, ok, skipped, warning
from yarnkernel.errors import ApplicationError, PlaceError, summary
from yarnkernel.kernels import places
from yarnkernel.kernels.log_files import join_pieces

if TYPE_CHECKING:
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

#: Bytes and lines to show of a log.
TAIL, LINES = 4000, 5
#: Seconds to wait for logs that are being collected.
LOG_TIMEOUT = 6.0
#: Seconds for the store, for the connection info, and for a port.
STORE_TIMEOUT, INFO_TIMEOUT, KNOCK_TIMEOUT = 5.0, 8.0, 3.0
#: States of kernels that have started.
_RUNNING = "RUNNING"


def check_state(subject: Subject, _deadline: Deadline) -> Check:
    """Check how far the kernel has come, and why no further."""
    place = places.place_of(subject.kernel)
    with place.find(subject.kernel) as kernel:
        status = kernel.status()
        waits = place.explain(status)
    found = f"{status.outcome} in {status.queue or status.host or 'no queue'}"
    reason = " ".join(status.diagnostics.split())
    if status.ended and not status.succeeded:
        todo = f"yarnkernel logs {subject.kernel} --all"
        return failed(found, reason or "it does not say why", todo)
    if status.ended:
        return warning(found, reason or "it has ended", "yarnkernel start")
    if status.state != _RUNNING:
        todo = "wait, or yarnkernel doctor with the options that it was started with"
        return warning(found, waits or reason or "it has not begun", todo)
    return ok(f"{found}, on {status.host or 'a host that is not known yet'}")


def check_log(subject: Subject, deadline: Deadline) -> Check:
    """Show the end of the kernel's log."""
    with places.find_kernel(subject.kernel) as kernel:
        status = kernel.status()
        if not status.ended and status.state != _RUNNING:
            return skipped("it has none: it has not begun")
        try:
            files = join_pieces(kernel.logs(last_bytes=TAIL, timeout=deadline.step(LOG_TIMEOUT)))
        except PlaceError as exc:  # whatever the reason: the kernel itself may be fine
            return warning("", f"it cannot be read: {exc}", f"yarnkernel logs {subject.kernel}")
    lines = [line for file in files for line in file.text.splitlines() if line.strip()]
    if not lines:
        return skipped("it has no log that can be read yet")
    return ok(" | ".join(lines[-LINES:]))


def check_store(subject: Subject, deadline: Deadline) -> Check:
    """Check that the kernel's supervisor answers us."""
    from yarnkernel.kernels.control import read_kernel_status  # noqa: PLC0415  (gRPC)

    with places.find_kernel(subject.kernel) as kernel:
        store = kernel.status().store
    if store is None:
        return skipped("it has none: it does not run, or not yet")
    found = f"{store.host}:{store.port}"
    try:
        told = read_kernel_status(store, deadline.step(STORE_TIMEOUT))
    except ApplicationError as exc:
        todo = (
            f"does {found} let this machine in (--ports, firewalls), and is this the ~/.skein that "
            "it was started with?"
        )
        return failed(found, exc.message, todo)
    if told is None:
        return ok(f"{found} answers; no supervisor of ours, as with skein's own recipe")
    found += f" answers: {told.state}, process {told.pid} on {told.host}, {told.restarts} restarts"
    if told.last_end:
        return warning(found, f"it {told.last_end}", f"yarnkernel logs {subject.kernel}")
    return ok(found)


def check_ports(subject: Subject, deadline: Deadline) -> Check:
    """Check that each port of the kernel can be reached from here and admits us."""
    step = Deadline(deadline.step(INFO_TIMEOUT))
    with places.find_kernel(subject.kernel) as kernel:
        status = kernel.status()
        if status.ended or status.store is None:
            return skipped("it has none: it does not run, or not yet")
        try:
            info = kernel.wait(step)
        except ApplicationError as exc:
            return failure(ApplicationError(summary(exc), app_id=exc.app_id, hint=exc.hint))
    troubles = {name: _knock(info["ip"], info[name]) for name in PORT_NAMES}
    bad = {name: why for name, why in troubles.items() if why}
    ports = ", ".join(str(info[name]) for name in PORT_NAMES)
    encrypted = "encrypted" if is_encrypted(info) else "not encrypted"
    found = f"{info['ip']}: {ports}; {encrypted}"
    if bad:
        why = "; ".join(f"{name} {info[name]}: {said}" for name, said in bad.items())
        todo = "a firewall between: open --ports FIRST-LAST to this machine, or --host EDGE_NODE"
        return failed(found, why, todo)
    return ok(found)


def _knock(host: str, port: int) -> str:
    """Connect as a client; an admitted one gets ZeroMQ's greeting (ZMTP)."""
    try:
        with socket.create_connection((host, port), KNOCK_TIMEOUT) as connection:
            connection.settimeout(KNOCK_TIMEOUT)
            if connection.recv(1):
                return ""
            return "it closes at once: this machine is not let in (--any-host of the recipe)"
    except ConnectionResetError:
        return "it closes at once: this machine is not let in (--any-host of the recipe)"
    except TimeoutError:
        return f"nothing comes back for {KNOCK_TIMEOUT:.0f} s"
    except OSError as exc:
        return exc.strerror or str(exc)
