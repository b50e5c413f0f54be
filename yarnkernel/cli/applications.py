"""Commands about applications that are there: list, status, logs, stop."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from yarnkernel.application import ApplicationStatus, check_app_id
from yarnkernel.cli.arguments import Commands, add_command, add_timeout, count
from yarnkernel.cli.kernels import open_client
from yarnkernel.errors import ApplicationError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from yarnkernel.cli.output import Output
    from yarnkernel.logs import LogFile


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = add_command(commands, "list", _list, "list the kernels of this cluster")
    parser.add_argument("--all", action="store_true", help="those that have ended too")
    parser.add_argument("--user", default="", help="only those of this user")

    parser = add_command(commands, "status", _status, "show what YARN knows of an application")
    _add_app_id(parser)

    parser = add_command(
        commands, "logs", _logs, "print a kernel's log, while it runs and after its end"
    )
    _add_app_id(parser)
    parser.add_argument(
        "--all", action="store_true", help="all files of all containers, with their names"
    )
    parser.add_argument(
        "--tail", type=count, metavar="BYTES", help="only the last bytes of each file"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="print what is written until the kernel's end"
    )
    add_timeout(parser, "how long to wait for logs that are being collected", 30.0)

    parser = add_command(
        commands,
        "stop",
        _stop,
        "end kernels and their applications",
        "The kernel ends in good order; when that takes too long, YARN kills the application.",
    )
    parser.add_argument("app_ids", nargs="+", metavar="APP_ID", help="id of an application")
    parser.add_argument("--force", action="store_true", help="let YARN kill it at once")
    add_timeout(parser, "how long an application may take to end", 15.0)


def _add_app_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("app_id", metavar="APP_ID", help="id of the application")


def _document(status: ApplicationStatus) -> dict[str, Any]:
    document = asdict(status)
    for name in ("start_time", "launch_time", "finish_time"):
        moment = document[name]
        document[name] = moment.isoformat() if moment else None
    document["tags"] = sorted(status.tags)
    return document


def _running_time(status: ApplicationStatus) -> str:
    if status.start_time is None:
        return "-"
    end = status.finish_time or datetime.now(timezone.utc)
    # The two clocks are of two machines.
    seconds = max(0, int((end - status.start_time).total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _list(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.yarn_client import list_kernels  # noqa: PLC0415  (protobuf)

    with open_client() as client:
        found = list_kernels(client, ended=options.all, user=options.user)
    rows = [
        (
            status.app_id,
            status.name,
            status.user,
            status.outcome,
            status.queue,
            status.host or "-",
            f"{status.memory} MiB" if status.memory else "-",
            _running_time(status),
        )
        for status in found
    ]
    headings = ("APPLICATION", "NAME", "USER", "STATE", "QUEUE", "HOST", "MEMORY", "TIME")
    output.table(headings, rows, [_document(status) for status in found])


def _status(options: argparse.Namespace, output: Output) -> None:
    app_id = check_app_id(options.app_id)
    with open_client() as client:
        status = client.status(app_id)
    address = f"{status.host}:{status.port}" if status.port else "-"
    rows = [
        ("application", status.app_id),
        ("name", status.name),
        ("user", status.user),
        ("queue", status.queue),
        ("state", status.outcome),
        ("application master", address),
        ("memory", f"{status.memory} MiB"),
        ("vcores", str(status.vcores)),
        ("started", _local_time(status.start_time)),
        ("ended", _local_time(status.finish_time)),
        ("time", _running_time(status)),
        ("tags", " ".join(sorted(status.tags)) or "-"),
        ("web page", status.tracking_url or "-"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    if status.diagnostics:
        lines += ["diagnostics", *(f"  {line}" for line in status.diagnostics.splitlines())]
    output.result("\n".join(lines), _document(status))


def _local_time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def _logs(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.logs import (  # noqa: PLC0415  (protobuf)
        ALL_FILES_PATTERN,
        KERNEL_LOG_PATTERN,
        follow_logs,
        read_logs,
    )

    app_id = check_app_id(options.app_id)
    if options.follow and options.json:
        raise UsageError("--follow prints text as it comes, which is not one JSON document")
    pattern = ALL_FILES_PATTERN if options.all else KERNEL_LOG_PATTERN
    with open_client() as client:
        if options.follow:
            news = follow_logs(client, app_id, pattern=pattern, last_bytes=options.tail)
            _print_news(news, output, with_headings=options.all)
            return
        status = client.status(app_id)
        files = read_logs(
            client,
            app_id,
            pattern=pattern,
            last_bytes=options.tail,
            timeout=options.timeout if status.host or status.ended else 15.0,
        )
    if not files:
        disabled = status.log_aggregation == "DISABLED"
        raise ApplicationError(
            f"{app_id} ({status.outcome}) has no logs that can be read"
            + (": this cluster does not collect them" if disabled else ""),
            app_id=app_id,
            state=status.state,
            diagnostics=status.diagnostics,
            hint=f"yarn logs -applicationId {app_id}",
        )
    several = options.all or len(files) > 1
    parts = []
    for file in files:
        heading = _heading(file) if several else ""
        parts.append(heading + file.text.rstrip("\n"))
    output.result("\n".join(parts), [asdict(file) for file in files])


def _heading(file: LogFile) -> str:
    return f"==> {file.container} on {file.node}: {file.name} <==\n"


def _print_news(news: Iterable[LogFile], output: Output, *, with_headings: bool) -> None:
    """Print parts of files as they come, like ``tail -f``."""
    last = None
    for file in news:
        source = file.container, file.name
        if source != last and (with_headings or last is not None):
            output.part(_heading(file))
        output.part(file.text)
        last = source


def _stop(options: argparse.Namespace, output: Output) -> int:
    from yarnkernel.kernel import YarnKernel  # noqa: PLC0415  (skein)

    app_ids = [check_app_id(text) for text in options.app_ids]
    ended = []
    failed = 0
    with open_client() as client:
        for app_id in app_ids:
            try:
                status = YarnKernel(app_id, client).stop(
                    force=options.force, timeout=options.timeout, report=output.progress
                )
            except ApplicationError as exc:
                output.error(str(exc))
                failed = exc.exit_code
            else:
                ended.append(_document(status))
    if output.as_json:
        output.result("", ended)
    return failed
