"""Commands that show kernels: list, status, logs."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from yarnkernel.arguments import add_timeout, count
from yarnkernel.cli.arguments import (
    Commands,
    add_command,
    add_edge,
    add_kernel,
    edge_of,
)
from yarnkernel.cli.kernels import find_id, find_kernel, place_of
from yarnkernel.cli.tables import Table
from yarnkernel.cli.tail import from_last_lines, last_lines
from yarnkernel.errors import ApplicationError, PlaceError, UsageError
from yarnkernel.kernels.log_files import join_pieces
from yarnkernel.kernels.model import KernelModel

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from yarnkernel.cli.output import Output
    from yarnkernel.kernel_status import KernelStatus
    from yarnkernel.kernels.handle import Kernel, Status
    from yarnkernel.kernels.log_files import LogFile
    from yarnkernel.store.address import StoreAddress

#: Seconds for a supervisor to report its kernel's status.
KERNEL_TIMEOUT = 3.0
#: Columns of the table of kernels, and those that narrow terminals drop, in order.
_HEADINGS = (
    "ID", "NAME", "USER", "STATE", "KERNEL", "IDLE", "MEMORY", "HOST", "QUEUE", "TIME",
)  # fmt: skip
_DROPPED = ("QUEUE", "HOST", "USER", "TIME", "IDLE", "KERNEL", "MEMORY", "NAME")
#: Characters of logs held back until it is known whether there are several files.
MOST_HELD = 1 << 20


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "list",
        _list,
        "list kernels: of the cluster, batch systems, hosts, this machine",
    )
    parser.add_argument("--all", action="store_true", help="include kernels that have ended")
    parser.add_argument("--user", default="", help="only kernels of this user")
    parser.add_argument("--ids", action="store_true", help="only the ids, one per line")
    add_edge(parser, "only kernels of the YARN cluster behind this edge node")

    parser = add_command(
        commands, "status", _status, "show a kernel's state and its place's diagnostics"
    )
    add_kernel(parser)

    parser = add_command(
        commands, "logs", _logs, "print a kernel's log, while it runs and after its end"
    )
    add_kernel(parser)
    parser.add_argument(
        "--all", action="store_true", help="all files of all containers, with their names"
    )
    parser.add_argument(
        "--container",
        default="",
        metavar="CONTAINER_ID",
        help="only this container, such as a further one of a kernel on YARN",
    )
    parser.add_argument(
        "--tail", type=count, metavar="LINES", help="only the last lines of each file"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="print what is written until the kernel's end"
    )
    add_timeout(parser, "how long to wait for logs that are being collected", 30.0)


def _duration(seconds: float) -> str:
    # The clocks may be those of two machines.
    minutes, seconds = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _running_time(model: KernelModel) -> str:
    return "-" if model.lasted is None else _duration(model.lasted)


def _idle_time(kernel: KernelStatus) -> str:
    if kernel.last_activity is None:
        return "never used"
    return _duration(time.time() - kernel.last_activity) if kernel.state == "idle" else "-"


def _used_memory(model: KernelModel) -> str:
    if model.kernel is None:
        return f"{model.status.memory} MiB" if model.status.memory else "-"
    limit = model.kernel.memory_limit
    return f"{model.kernel.memory >> 20}{f' of {limit >> 20}' if limit else ''} MiB"


def _row(model: KernelModel) -> Sequence[str]:
    status, kernel = model.status, model.kernel
    return (
        status.id,
        status.name,
        status.user,
        status.outcome,
        kernel.state if kernel else "-",
        _idle_time(kernel) if kernel else "-",
        _used_memory(model),
        model.node or "-",
        status.queue,
        _running_time(model),
    )


def _list(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.kernels import places  # noqa: PLC0415  (protobuf)

    edge = edge_of(options)
    found = places.list_kernels(
        ended=options.all,
        user=options.user,
        edge=edge,
        trouble=lambda why: output.progress(f"warning: none of a cluster: {why}"),
    )
    if options.ids:
        ids = [status.id for status in found]
        output.result("\n".join(ids), ids)
        return
    kernels: dict[str, KernelStatus] = {}
    # Other users' supervisors would refuse us, perhaps slowly.
    # Our name may differ behind an edge node, but our own kernels are on record.
    name = "" if edge else places.own_name()
    own = _stores([one for one in found if places.is_own(one, name)], output)
    if own:
        from yarnkernel.kernels.control import read_kernel_statuses  # noqa: PLC0415  (skein)

        kernels = read_kernel_statuses(own, KERNEL_TIMEOUT)
    models = [KernelModel(status, kernels.get(status.id)) for status in found]
    if not found:
        output.progress(
            "no kernels; next: yarnkernel start, or list --all for those that have ended"
        )
    table = Table(_HEADINGS, [*map(_row, models)], dropped=_DROPPED, cut="NAME")
    output.table(table, [model.document() for model in models])


def _stores(found: Sequence[Status], output: Output) -> list[StoreAddress]:
    """Return the addresses of the kernels' stores that can be reached."""
    stores = []
    for status in found:
        try:
            store = status.store
        except PlaceError as exc:
            output.progress(f"warning: {status.id}: {exc}")
        else:
            stores += [] if store is None else [store]
    return stores


def _status(options: argparse.Namespace, output: Output) -> None:
    kernel, trouble = None, ""
    kernel_id = find_id(options.kernel, ended=True)
    place = place_of(kernel_id)
    with place.find(kernel_id) as handle:
        status = handle.status(remembered=True)
        waits = place.explain(status)
        try:
            if (store := status.store) is not None:
                from yarnkernel.kernels.control import read_kernel_status  # noqa: PLC0415  (skein)

                kernel = read_kernel_status(store, KERNEL_TIMEOUT)
        except ApplicationError as exc:
            trouble = exc.message
        except PlaceError as exc:
            trouble = str(exc)
    model = KernelModel(status, kernel)
    rows = _facts(model)
    if waits:
        rows.append(("waits", waits))
    rows += _phases(model)
    further = [trouble] if trouble else []
    if status.diagnostics:
        further += ["diagnostics", *(f"  {line}" for line in status.diagnostics.split("\n"))]
    output.facts(rows, "\n".join(further), model.document())


def _facts(model: KernelModel) -> list[tuple[str, str]]:
    status, kernel = model.status, model.kernel
    rows = [
        ("kernel id", status.id),
        ("name", status.name),
        ("user", status.user),
        ("interface", status.interface),
        ("on", status.on or "this machine"),
        ("queue", status.queue or "-"),
        ("job", status.job or "-"),
        ("state", status.outcome),
        ("host", model.node or "-"),
        ("memory", f"{status.memory} MiB" if status.memory else "-"),
        ("vcores", str(status.vcores or "-")),
        ("tags", " ".join(sorted(status.tags)) or "-"),
        *((name.replace("_", " "), value or "-") for name, value in status.details.items()),
    ]
    if kernel is not None:
        rows += [
            ("kernel", f"{kernel.state}, process {kernel.pid} on {kernel.host}"),
            ("kernel's memory", f"{_used_memory(model)} of its container"),
            ("idle", _idle_time(kernel)),
            ("restarts", f"{kernel.restarts} {kernel.last_end and f'(it {kernel.last_end})'}"),
        ]
    return rows


def _phases(model: KernelModel) -> list[tuple[str, str]]:
    """Return when each phase was reached, and how long after the submission."""
    begin = model.status.start_time
    if begin is None:
        return []
    return [
        (name, f"{_local_time(moment)}  +{(moment - begin).total_seconds():.1f} s")
        for name, moment in model.phases.items()
        if moment is not None
    ]


def _local_time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def _logs(options: argparse.Namespace, output: Output) -> None:
    if options.follow and options.json:
        raise UsageError("--follow prints text as it comes, which is not one JSON document")
    with find_kernel(options.kernel, ended=True) as kernel:
        if options.follow:
            _print_news(_news(kernel, options), output, with_headings=options.all)
            return
        pieces = _pieces(kernel, options)
        if output.as_json:
            files = join_pieces(pieces)
            found = bool(files)
            if found:
                output.result("", [asdict(file) for file in files])
        else:
            found = _print_pieces(pieces, output, with_headings=options.all)
        if not found:
            status = kernel.status()
            raise ApplicationError(
                f"{options.container or kernel.id} ({status.outcome}) has no logs that can be read"
                + (": this cluster does not collect them" if not status.has_logs else ""),
                app_id=kernel.id,
                state=status.state,
                diagnostics=status.diagnostics,
                hint=f"yarn logs -applicationId {kernel.id}",
            )


def _news(kernel: Kernel, options: argparse.Namespace) -> Iterator[LogFile]:
    every = options.all or bool(options.container)
    if options.tail is None:
        return _of_container(kernel.follow_logs(every=every), options)
    return _of_container(from_last_lines(kernel, options.tail, every=every), options)


def _pieces(kernel: Kernel, options: argparse.Namespace) -> Iterator[LogFile]:
    every = options.all or bool(options.container)
    if options.tail is None:
        pieces = kernel.logs(every=every, timeout=options.timeout)
    else:
        pieces = iter(last_lines(kernel, options.tail, every=every, timeout=options.timeout))
    return _of_container(pieces, options)


def _of_container(pieces: Iterator[LogFile], options: argparse.Namespace) -> Iterator[LogFile]:
    """Keep only the requested container, without the files that NodeManagers write."""
    for piece in pieces:
        if not options.container or (
            piece.container == options.container and (options.all or piece.name.endswith(".log"))
        ):
            yield piece


def _print_pieces(pieces: Iterator[LogFile], output: Output, *, with_headings: bool) -> bool:
    """Print logs as they arrive, as they may exceed memory; return whether there were any."""
    # Headings are needed for several files, which is known when the second one arrives.
    begin: list[LogFile] = []
    for piece in pieces:
        begin.append(piece)
        with_headings |= (piece.container, piece.name) != (begin[0].container, begin[0].name)
        if with_headings or sum(len(part.text) for part in begin) > MOST_HELD:
            break
    source, end = None, "\n"
    for piece in itertools.chain(begin, pieces):
        if (piece.container, piece.name) != source:
            output.part("" if end == "\n" else "\n")
            if with_headings or source is not None:
                output.part(_heading(piece))
            source, end = (piece.container, piece.name), "\n"
        output.part(piece.text)
        end = piece.text[-1:] or end
    output.part("" if end == "\n" else "\n")
    return bool(begin)


def _heading(file: LogFile) -> str:
    return f"==> {file.container} on {file.node}: {file.name} <==\n"


def _print_news(news: Iterable[LogFile], output: Output, *, with_headings: bool) -> None:
    """Print parts of files as they arrive, like ``tail -f``."""
    last = None
    for file in news:
        source = file.container, file.name
        if source != last and (with_headings or last is not None):
            output.part(_heading(file))
        output.part(file.text)
        last = source
