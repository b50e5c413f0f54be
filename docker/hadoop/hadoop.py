#!/opt/yarnkernel/bin/python -I
"""Hadoop's programs: `hadoop resourcemanager|nodemanager|namenode|datanode`, `hadoop fs ...`.

Main classes, heaps and options of Java are those of the local cluster.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from yarnkernel.local.daemons import KINDS
from yarnkernel.local.sites import JAVA_MODULE_OPTIONS
from yarnkernel.local.state import JAVA_START_OPTIONS

DAEMONS = ("resourcemanager", "nodemanager", "namenode", "datanode")
FS_SHELL = "org.apache.hadoop.fs.FsShell"
DATA = Path("/var/lib/hadoop")
KEYTAB = Path("/var/lib/keytabs/daemons.keytab")
#: Seconds for the KDC to write the keytab, and for HDFS to answer.
KEYTAB_TIMEOUT, HDFS_TIMEOUT = 60.0, 60.0
#: Seconds for a command of Hadoop's, which starts a JVM.
COMMAND_TIMEOUT = 60.0


def java(main_class: str, heap: int, *arguments: str) -> list[str]:
    """Return the command that runs a main class of Hadoop's."""
    conf_dir = os.environ["HADOOP_CONF_DIR"]
    return [
        "java", f"-Xmx{heap}m", *JAVA_START_OPTIONS, *JAVA_MODULE_OPTIONS,
        "-Djava.net.preferIPv4Stack=true", f"-Djava.security.krb5.conf={conf_dir}/krb5.conf",
        f"-Dhadoop.log.dir={DATA}/logs", f"-Dyarn.log.dir={DATA}/logs",
        "-cp", f"{conf_dir}:/opt/hadoop:/opt/hadoop/*", main_class, *arguments,
    ]  # fmt: skip


def run_fs(*arguments: str) -> bool:
    """Run a command of Hadoop's file systems, and tell whether it succeeds."""
    ended = subprocess.run(
        java(FS_SHELL, 128, *arguments), env=superuser(), timeout=COMMAND_TIMEOUT, check=False
    )
    return ended.returncode == 0


def superuser() -> dict[str, str]:
    """Return the environment of a command that HDFS's own user gives."""
    own = {"KRB5KEYTAB": str(KEYTAB), "KRB5PRINCIPAL": "hdfs/hadoop"}
    return {**os.environ, **(own if has_kerberos() else {})}


def has_kerberos() -> bool:
    """Whether docker/kerberos.env counts."""
    return os.environ.get("HADOOP_AUTHENTICATION") == "kerberos"


def listens() -> bool:
    """Whether the NameNode takes connections, whose address is this container's name."""
    try:
        socket.create_connection((socket.gethostname(), 8020), 1).close()
    except OSError:
        return False
    return True


def make_directories() -> None:
    """Make what a new HDFS lacks, once it answers: where the user and YARN write."""
    user = os.environ.get("HADOOP_USER", "yarnkernel")
    home, logs = f"/user/{user}", "/tmp/logs"
    deadline = time.monotonic() + HDFS_TIMEOUT
    while not listens():
        if time.monotonic() > deadline:
            sys.exit(f"hadoop: the NameNode does not listen within {HDFS_TIMEOUT:.0f} s")
        time.sleep(0.2)
    for arguments in (
        ("-mkdir", "-p", home, logs),
        ("-chown", user, home),
        ("-chmod", "1777", "/tmp", logs),
    ):
        if not run_fs(*arguments):
            sys.exit(f"hadoop: fs {' '.join(arguments)} fails")


def await_keytab() -> None:
    """Wait for the KDC's keytab; does nothing without Kerberos."""
    deadline = time.monotonic() + KEYTAB_TIMEOUT
    while has_kerberos() and not KEYTAB.exists():
        if time.monotonic() > deadline:
            sys.exit(f"hadoop: there is no {KEYTAB}, which the service `kdc` writes")
        time.sleep(0.2)


def main(program: str = "", *arguments: str) -> NoReturn:
    """Become the program."""
    if program == "fs":
        command = java(FS_SHELL, 256, *arguments)
        os.execvpe(command[0], command, superuser())
    if program not in DAEMONS:
        sys.exit(f"hadoop: here are {', '.join(DAEMONS)} and fs, not {program!r}")
    await_keytab()
    if program == "namenode":
        prepare_hdfs()
    command = java(*KINDS[program])
    os.execvp(command[0], command)


def prepare_hdfs() -> None:
    """Format a new HDFS, and leave a process that makes directories in it once it answers."""
    if (DATA / "dfs/name/current").exists():
        return
    format_it = java(*KINDS["namenode"], "-format", "-nonInteractive")
    subprocess.run(format_it, timeout=COMMAND_TIMEOUT, check=True)
    if os.fork() == 0:
        make_directories()
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
