"""``%%remote``, ``%remote`` and their alias for remote_exec's users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError as ShownUsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.groups.group import Group
from yarnkernel.groups.steps import carry_out
from yarnkernel.magics.bar import Bar
from yarnkernel.magics.commands import COMMANDS, Commands
from yarnkernel.magics.kernel_files import FileMagics
from yarnkernel.magics.line import cell_parser, read_line
from yarnkernel.magics.session import RemoteSession
from yarnkernel.magics.shown import Shown
from yarnkernel.magics.shown_run import ShownRun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OLD_NAME = "%remote_exec"


class RemoteCommandError(YarnKernelError):
    """A command that is invalid or failed."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows."""
        return [f"{type(self).__name__}: {self}"]


@magics_class
class RemoteMagics(Magics):
    """The magics; one for each IPython.

    Parameters
    ----------
    shell : InteractiveShell
        IPython.
    """

    def __init__(self, shell: Any) -> None:
        super().__init__(shell=shell)
        self._variables = shell.user_ns
        self.session = RemoteSession(self._variables)
        self._commands = Commands(self.session, self._begin)

    @line_cell_magic
    @no_var_expand
    def remote(self, line: str, cell: str | None = None) -> Any:
        """Run code on kernels, or see to them: %remote --help, %remote help."""
        word, _, rest = line.strip().partition(" ")
        if cell is None and word in COMMANDS:
            return self._shown(lambda: self._commands.run(word, rest))
        return self._shown(lambda: self._run("%remote", line, cell))

    @line_cell_magic
    @no_var_expand
    def remote_exec(self, line: str, cell: str | None = None) -> Any:
        """Run code on kernels as remote_exec does, whose notebooks run unchanged."""
        return self._shown(lambda: self._run(_OLD_NAME, line, cell))

    def end(self) -> None:
        """End the kernels of this session, as the extension is unloaded."""
        targets = self.session.targets
        carry_out({one.label: one.stop() for one in targets if one.is_own})
        for target in targets:
            target.disconnect()

    @staticmethod
    def _shown(work: Callable[[], Any]) -> Any:
        """Run a function; show user errors in one line."""
        try:
            return work()
        except UsageError as exc:
            raise ShownUsageError(str(exc)) from None
        except YarnKernelError as exc:
            if hasattr(exc, "_render_traceback_"):
                raise
            raise RemoteCommandError(str(exc)) from None

    def _run(self, name: str, line: str, cell: str | None) -> Any:
        options, code = read_line(cell_parser(name), line)
        if options is None:
            return None
        code = "\n".join(filter(None, (code, cell or "")))
        named = self.session.find(options.kernels)
        labels = [one.label for one in named]
        if options.output:
            self.session.check_variables(labels)
        sent = _split(options.input)
        codes, push = self._inputs(sent, labels, code, as_text=options.format)
        targets = self.session.take(named, options.kernels or "", keep=options.keep)
        if not code.strip():
            if options.shutdown:
                carry_out({target.label: target.stop() for target in targets})
                return None
            raise UsageError(f"there is no code; next: {name} --help")
        group = Group.of(targets, named)
        run = self._begin(
            group,
            codes,
            push=push,
            pull=_split(options.output),
            limit=options.limit,
            push_pickles=options.pickle_input,
            pull_pickles=options.pickle,
            restart=options.shutdown,
            timeout=options.timeout,
            prelude=name == _OLD_NAME,
            may_ask=not options.noblock,
        )
        if options.noblock:
            run.begin()
            return run
        result = run.wait()
        if name != _OLD_NAME:  # which continues after errors in cells
            result.check()
        return None

    def _begin(self, group: Group, code: Any, **more: Any) -> ShownRun:
        """Run code and show its output."""
        bar = Bar(in_notebook=hasattr(self.shell, "kernel"))
        shown = Shown(bar, self.session.put, several=len(group) > 1)
        run = ShownRun(group.begin(code, shown, **more), shown, bar)
        self._commands.last = run
        return run

    def _inputs(
        self, names: Sequence[str], labels: Sequence[str], code: str, *, as_text: bool
    ) -> tuple[Any, Any]:
        """Return the code of each target, and a function that returns the values for one."""
        values: dict[str, dict[str, Any]] = {label: {} for label in labels}
        for name in names:
            if name not in self._variables:
                raise UsageError(f"-i: there is no variable {name!r} here")
            value = self._variables[name]
            each = isinstance(value, dict) and set(labels) <= value.keys()
            if as_text and isinstance(value, dict) and not each:
                missing = ", ".join(label for label in labels if label not in value)
                raise UsageError(f"-i: the dictionary {name!r} has no key for {missing}")
            for label in labels:
                values[label][name] = value[label] if each else value
        if not as_text:
            return dict.fromkeys(labels, code), values.__getitem__
        codes = {}
        for label in labels:
            codes[label] = code
            for name, value in values[label].items():
                codes[label] = codes[label].replace(f"{{{name}}}", str(value))
        return codes, None


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def load(shell: Any) -> RemoteMagics:
    """Register the magics with an IPython."""
    magics = RemoteMagics(shell)
    shell.register_magics(magics, FileMagics)
    return magics


def unload(shell: Any) -> None:
    """End the kernels of its session."""
    magics = shell.magics_manager.registry.pop(RemoteMagics.__name__, None)
    if magics is not None:
        magics.end()
        for kind in ("line", "cell"):
            for name in ("remote", "remote_exec", "yarnkernel"):
                shell.magics_manager.magics[kind].pop(name, None)
