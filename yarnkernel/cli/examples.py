"""Examples of each command, for its ``--help`` and the documentation."""

from __future__ import annotations

import argparse

#: By command: pairs of an example and its purpose.
_EXAMPLES: dict[str, dict[str, str]] = {
    "start": {
        "": "a kernel on the cluster",
        "--memory '8 GiB' --queue data": "a large one, in a queue",
        "--environment ~/envs/science": "with an environment of this machine",
        "--interface ssh --host box": "on a host that ssh reaches",
        "--interface slurm --host login --cpus 4": "in a job of Slurm",
        "--kernelspec big": "as JupyterLab would start it",
    },
    "submit": {"specs/ipython.yaml": "print the id at once; `connect` waits"},
    "connect": {
        "application_1700000000000_0001 > kernel.json": "for jupyter console --existing",
        "1 -f kernel.json": "by the number at the end of its id",
    },
    "list": {"": "what runs", "--all": "what has ended, too", "--ids": "for scripts"},
    "status": {"": "the only kernel", "2 --json": "for programs"},
    "logs": {"": "the only kernel's", "2 --tail 20 --follow": "as it is written"},
    "stop": {"2": "one", "--all --dry-run": "which would be ended", "--all --yes": "all, unasked"},
    "interrupt": {"2": "as Ctrl-C does"},
    "restart": {"2": "same ports and key, no variables"},
    "console": {"": "the newest kernel, else a new one", "kernel.json": "by a connection file"},
    "sync": {"ssh-box-1a2b3c4d": "both directories have what is new"},
    "doctor": {
        "": "what a start would need",
        "--queue data --memory '64 GiB'": "whether there is room for it",
        "2": "why this kernel does not start, or answer",
    },
    "env pack": {"~/envs/science": "print the archive's path"},
    "env push": {"~/envs/science": "print the URL for --environment"},
    "env prune": {"--older-than 30 --dry-run": "which are not used any more"},
    "kernelspec add": {
        "": "Python (YARN) in JupyterLab",
        "--name big --memory '8 GiB' --queue data": "a large one, in a queue",
        "--name box --interface ssh --host box": "on a host that ssh reaches",
    },
    "kernelspec set": {"big --memory '16 GiB'": "the rest stays as it is"},
    "kernelspec import": {"remote_ikernel --dry-run": "what would be made of its kernelspecs"},
    "cluster start": {
        "": "YARN on this machine",
        "--hdfs --kerberos": "with HDFS, a KDC and tickets",
        "--nodemanagers 2 --memory '4 GiB'": "two nodes",
    },
    "completion": {"bash": "for ~/.bashrc: see above"},
}


class ExamplesFormatter(argparse.HelpFormatter):
    """Keeps the line breaks of texts that have some."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return text
        return super()._fill_text(text, width, indent)


def examples(prog: str) -> list[str]:
    """Return the examples of a command.

    Parameters
    ----------
    prog : str
        The command, such as ``"yarnkernel start"``.
    """
    found = _EXAMPLES.get(prog.partition(" ")[2], {})
    return [f"{prog} {arguments}".strip() for arguments in found]


def epilog(prog: str) -> str | None:
    """Format the examples with their purposes, one per line; None if there are none."""
    lines = examples(prog)
    words = _EXAMPLES.get(prog.partition(" ")[2], {}).values()
    width = max(map(len, lines), default=0)
    shown = [f"  {line:<{width}}  # {what}" for line, what in zip(lines, words, strict=True)]
    return "\n".join(["examples:", *shown]) if shown else None
