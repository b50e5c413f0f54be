"""Reads kernelspecs of remote_ikernel (0.4.6: ``add_kernel`` in manage.py, and kernel.py)."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from yarnkernel.connection import CONNECTION_FILE
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.peers.ssh_hosts import host_of, take_ssh_arguments
from yarnkernel.jupyter.peers.taken import PeerParser, Taken, arguments_of, command_of
from yarnkernel.kernels.interfaces import LOCAL, PBS, SGE, SLURM, SSH

if TYPE_CHECKING:
    import argparse

NAME = "remote_ikernel"
#: Its interfaces, as yarnkernel's.
_INTERFACES = {
    "local": LOCAL, "ssh": SSH, "pbs": PBS, "sge": SGE, "sge_qrsh": SGE, "slurm": SLURM,
}  # fmt: skip
#: Default parallel environment (``RemoteIKernel`` in kernel.py).
_PE = "smp"
_SUBMITS = {SLURM: "sbatch", SGE: "qsub", PBS: "qsub"}
#: Options of the interactive commands that sbatch and qsub do not have, or to which they give
#: another meaning or none, with the number of words that follow (srun(1) and sbatch(1) of Slurm
#: 22.05, qsub(1)).
INTERACTIVE = {
    SLURM: {
        **dict.fromkeys(
            ("-E", "--preserve-env", "-I", "--immediate", "-K", "--kill-on-bad-exit", "-l",
             "--label", "-u", "--unbuffered", "-X", "--disable-status", "-Z", "--no-allocate",
             "--bcast", "--compress", "--exact", "--multi-prog", "--overlap", "--pty",
             "--quit-on-interrupt", "--resv-ports", "--send-libs", "--x11"), 0,
        ),
        **dict.fromkeys(
            ("-r", "--relative", "-T", "--bcast-exclude", "--cpu-bind", "--epilog", "--prolog",
             "--het-group", "--jobid", "--mpi", "--pack-group", "--slurmd-debug", "--task-epilog",
             "--task-prolog"), 1,
        ),
        # With these sbatch waits for the job's end, reads threads of a core or hides the job's id.
        **dict.fromkeys(("-W", "--wait", "--threads"), 1),
        **dict.fromkeys(("-v", "--verbose", "-Q", "--quiet"), 0),
        # The job's input, name and cluster are yarnkernel's to set.
        **dict.fromkeys(("-i", "--input", "-J", "--job-name", "-M", "--clusters"), 1),
    },
    SGE: {
        **dict.fromkeys(("-now", "-pty", "-display", "-N"), 1),
        **dict.fromkeys(("-verbose", "-inherit", "-nostdin", "-noshell"), 0),
    },
    PBS: {"-I": 0, "-X": 0, "-x": 0, "-z": 0, "-N": 1},
}  # fmt: skip


def is_one(content: dict[str, Any]) -> bool:
    """Return whether a ``kernel.json`` is one of remote_ikernel's."""
    return arguments_of(content, NAME) is not None


def read(content: dict[str, Any]) -> Taken:
    """Read a ``kernel.json``.

    Raises
    ------
    UsageError
        When it cannot be imported.
    """
    given = _parse(arguments_of(content, NAME) or [])
    interface = _INTERFACES.get(given.interface)
    if interface is None:
        raise UsageError(
            f"there is no interface {given.interface!r} here, but {', '.join(_SUBMITS)}, ssh, local"
        )
    taken = Taken()
    hosts = [host_of(host) for host in given.tunnel_hosts or []]
    if interface == SSH:
        if not given.host:
            raise UsageError("its interface is ssh, and there is no --host")
        hosts.append(host_of(given.host))
    elif given.host:
        taken.leave(f"--host {given.host}", f"{NAME} did not look at it with {given.interface}")
    if interface == LOCAL and hosts:
        interface = SSH  # the shell runs on the last tunnel host
    taken.options["interface"] = interface
    if hosts:
        *jump, taken.options["host"] = hosts
        taken.options |= {"jump": jump} if jump else {}
        through = f"-J {','.join(jump)} " if jump else ""
        why = f"unknown host keys are refused; next: ssh {through}{hosts[-1]}"
        taken.leave("StrictHostKeyChecking=no", why)
    _take_resources(given, interface, taken)
    _take_launch(given, interface, taken)
    _take_kernel(given, taken)
    return taken


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Parse arguments as ``start_remote_kernel`` does."""
    parser = PeerParser(NAME)
    parser.add_argument("connection_info")
    parser.add_argument("--interface", default="local")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--pe", default="")
    parser.add_argument("--kernel_cmd", default="ipython kernel -f {host_connection_file}")
    parser.add_argument("--tunnel-hosts", nargs="+")
    parser.add_argument("--verbose", action="store_true")
    for name in ("workdir", "host", "precmd", "launch-args", "launch-cmd"):
        parser.add_argument(f"--{name}", default="")
    return parser.parse_args(arguments)


def _take_resources(given: argparse.Namespace, interface: str, taken: Taken) -> None:
    if given.cpus > 1 and interface not in _SUBMITS:
        taken.leave(f"--cpus {given.cpus}", f"it means nothing for {interface}")
    elif given.cpus > 1:
        taken.options["vcores"] = given.cpus
    if interface == SGE and given.cpus > 1:
        taken.options["pe"] = given.pe or _PE
    elif given.pe:
        taken.leave(f"--pe {given.pe}", "it means something for several cores of sge alone")


def _take_launch(given: argparse.Namespace, interface: str, taken: Taken) -> None:
    if given.launch_cmd:
        why = f"jobs are submitted by {_SUBMITS[interface]}" if interface in _SUBMITS else ""
        taken.leave(
            f"--launch-cmd {given.launch_cmd}",
            (why or f"{interface} has its own") + ", which has to be on PATH",
        )
    try:
        arguments = shlex.split(given.launch_args)
    except ValueError as exc:
        raise UsageError(f"its --launch-args {given.launch_args!r} cannot be read: {exc}") from None
    if interface == SSH and given.interface == "ssh":
        take_ssh_arguments(arguments, taken)
    elif interface in _SUBMITS:
        _take_scheduler_arguments(arguments, interface, taken)
    elif arguments:
        taken.leave(f"--launch-args {given.launch_args}", "no shell of its own is started")


def _take_scheduler_arguments(arguments: list[str], interface: str, taken: Taken) -> None:
    kept = []
    words = iter(arguments)
    for word in words:
        flag, value = _flag(word, interface)
        following = INTERACTIVE[interface].get(flag)
        if following is None:
            kept.append(word)
            continue
        left = [word, *(next(words, "") for _ in range(0 if value else following))]
        taken.leave(f"--launch-args {' '.join(left)}", f"{_SUBMITS[interface]} has no use for it")
    if kept:
        taken.options["scheduler_arg"] = kept


def _flag(word: str, interface: str) -> tuple[str, str]:
    """Split an argument into an option and an attached value."""
    if interface == SLURM and re.match(r"-[A-Za-z].", word):
        return word[:2], word[2:]
    flag, _, value = word.partition("=")
    return flag, value


def _take_kernel(given: argparse.Namespace, taken: Taken) -> None:
    before = []
    if "$" in given.workdir or "`" in given.workdir:
        before.append(f'cd "{given.workdir}"')  # a shell has to expand it
    elif given.workdir:
        taken.options["workdir"] = given.workdir
    if given.precmd:
        before.append(given.precmd)
    if before:
        taken.options["precmd"] = before
    if given.verbose:
        taken.options["verbose"] = True
    try:
        text = given.kernel_cmd.format(
            host_connection_file=CONNECTION_FILE, connection_file=CONNECTION_FILE
        )
    except (KeyError, IndexError, ValueError, AttributeError):
        raise UsageError(
            f"the kernel's command {given.kernel_cmd!r} names more than {CONNECTION_FILE}, such as "
            "single ports: that cannot be taken over"
        ) from None
    taken.set_command(command_of(text), here="host" not in taken.options)
