"""``%remote list``, ``start``, ``stop``...: commands for targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnkernel.deadline import Deadline
from yarnkernel.errors import UsageError
from yarnkernel.groups.group import Group
from yarnkernel.groups.steps import carry_out
from yarnkernel.kernels import places
from yarnkernel.kernels.arguments import add_options, given
from yarnkernel.magics.line import new_parser, read_words, seconds

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from yarnkernel.groups.target import Target
    from yarnkernel.magics.session import RemoteSession
    from yarnkernel.magics.shown_run import ShownRun

#: Seconds.
SYNC_TIMEOUT = 600.0
_HELP = {
    "list": "the targets of this session",
    "start": "start kernels, or others than their kernelspecs say: --memory, --interface...",
    "stop": "end kernels; those that ran before this session only when they are named",
    "restart": "restart kernels in place: their variables are gone",
    "interrupt": "interrupt what kernels do",
    "sync": "synchronise a kernel's directory in both directions, see yarnkernel sync",
    "logs": "print kernels' logs",
    "group": "give targets a name: %%remote group NAME k1,k2; without one: list them",
    "result": "wait for what was left running, show it, and return what has come of it",
    "help": "this",
}
COMMANDS = frozenset(_HELP)


class Commands:
    """Carries out commands.

    Parameters
    ----------
    session : RemoteSession
        The session with the targets.
    begin : callable
        Runs code on a group and shows its output.
    """

    def __init__(self, session: RemoteSession, begin: Callable[..., ShownRun]) -> None:
        self._session = session
        self._begin = begin
        #: The last run.
        self.last: ShownRun | None = None

    def run(self, name: str, line: str) -> Any:
        """Carry out a command.

        Raises
        ------
        UsageError
            When it is invalid.
        YarnKernelError
            When it fails.
        """
        parser = new_parser(f"%remote {name}", _HELP[name].replace("%%", "%"))
        if name == "group":
            parser.add_argument("name", nargs="?", default="", help="the group's name")
        if name not in ("list", "result", "help"):
            needed = "?" if name in ("group", "interrupt") else None
            text = "as in -k; all: those of this session"
            parser.add_argument("targets", nargs=needed, default="", help=text)
        if name == "start":
            parser.add_argument("--keep", action="store_true", help="they outlive the session")
            add_options(parser)
        elif name == "sync":
            parser.add_argument("--delete", action="store_true", help="remove what is gone")
            parser.add_argument("--dry-run", action="store_true", help="only tell")
        elif name == "result":
            parser.add_argument("--timeout", type=seconds, help="seconds to wait")
        options = read_words(parser, line)
        return None if options is None else getattr(self, f"_{name}")(options)

    def _known(self, options: argparse.Namespace) -> list[Target]:
        named = self._session.find(options.targets, only_known=True)
        return self._session.take(named, "")

    def _list(self, _: argparse.Namespace) -> None:
        rows = [("TARGET", "KERNELSPEC OR ID", "ENDS", "STATE")]
        for one in self._session.targets:
            one.tend()
            ends = "with the session" if one.is_own else "not with the session"
            rows.append((one.label, str(one.origin), ends, one.state))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())  # noqa: T201

    def _start(self, options: argparse.Namespace) -> None:
        named = self._session.find(options.targets)
        launch = given(options)
        known = {target.label for target in self._session.targets}
        if launch and (already := [one.label for one in named if one.label in known]):
            raise UsageError(
                f"{', '.join(already)}: there already, without these options; "
                f"next: %remote stop {already[0]}"
            )
        for one in named:
            one.origin.check(launch)
        targets = self._session.take(named, options.targets, keep=options.keep, options=launch)
        self._begin(Group.of(targets, named), "").wait().check()

    def _stop(self, options: argparse.Namespace) -> None:
        targets = self._known(options)
        if options.targets == "all":
            targets = [target for target in targets if not target.origin.kernel]
        ends = carry_out({target.label: target.stop() for target in targets})
        for target in targets:
            self._session.forget(target)
            print(f"[{target.label}] {ends[target.label] or 'was not started'}")  # noqa: T201

    def _restart(self, options: argparse.Namespace) -> None:
        carry_out({target.label: target.restart() for target in self._known(options)})

    def _interrupt(self, options: argparse.Namespace) -> None:
        waits = {target: target.interrupt() for target in self._known(options)}
        carry_out({target.label: _step_of(wait) for target, wait in waits.items() if wait})

    def _sync(self, options: argparse.Namespace) -> None:
        for target in self._known(options):
            if not target.kernel:
                raise UsageError(f"{target.label} is not started")
            deadline = Deadline(SYNC_TIMEOUT)
            result = places.synchronise(
                target.kernel, deadline, delete=options.delete, dry_run=options.dry_run
            )
            rows = {
                "sent": result.sent,
                "fetched": result.fetched,
                "removed here": result.removed_here,
                "removed there": result.removed_there,
                "conflict": [f"{path}: {why}" for path, why in result.conflicts.items()],
            }
            for what, paths in rows.items():
                for path in paths:
                    print(f"[{target.label}] {what}: {path}")  # noqa: T201

    def _logs(self, options: argparse.Namespace) -> None:
        for target in self._known(options):
            if not target.kernel:
                raise UsageError(f"{target.label} is not started")
            with places.find_kernel(target.kernel) as kernel:
                text = "".join(file.text for file in kernel.logs())
            for line in text.splitlines():
                print(f"[{target.label}] {line}")  # noqa: T201

    def _group(self, options: argparse.Namespace) -> None:
        groups = self._session.groups
        if not options.name:
            for name, targets in groups.items():
                print(f"{name}: {targets}")  # noqa: T201
            return
        if not options.targets:
            raise UsageError(f"%remote group {options.name}: which targets?")
        if not options.name.isidentifier():
            raise UsageError(f"{options.name!r} cannot name a group")
        self._session.find(options.targets)  # raises if something is wrong with it now
        groups[options.name] = options.targets

    def _result(self, options: argparse.Namespace) -> Any:
        if self.last is None:
            raise UsageError("nothing has run yet")
        return self.last.wait(options.timeout)

    def _help(self, _: argparse.Namespace) -> None:
        print("%%remote -k TARGETS [OPTIONS]: run the cell there; %remote --help has the options")  # noqa: T201
        for name, text in _HELP.items():
            print(f"%remote {name:9} {text.replace('%%', '%')}")  # noqa: T201


def _step_of(wait: Any) -> Any:
    """Make a step from an awaitable."""
    yield wait
    return wait.answer
