"""A Grid Engine of its own for the tests of one session, on this machine."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_for
from tests.support.daemons import (
    BatchSystem,
    Daemons,
    daemons,
    free_ports,
    missing,
    run,
    short_host_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = ("qsub", "qconf", "sge_qmaster", "sge_execd", "setpriv")
#: Where Debian has the programs, and not scripts that look for a configuration.
PROGRAMS = Path("/usr/lib/gridengine")
SHARE = Path("/usr/share/gridengine")
BOOTSTRAP = """\
admin_user              root
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         {root}/spooldb
binary_path             /usr/sbin
qmaster_spool_dir       {root}/spool/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
"""
#: Root may have jobs, and accounting tells at once.
GLOBAL = {
    "execd_spool_dir": "{root}/spool/execd",
    "min_uid": "0",
    "min_gid": "0",
    "reporting_params": "accounting=true reporting=false flush_time=00:00:01 joblog=false "
    "sharelog=00:00:00",
}
#: Debian's scheduler looks for work each fifteen seconds.
SCHEDULER = {"schedule_interval": "0:0:2", "flush_submit_sec": "1", "flush_finish_sec": "1"}
NOTHING = (
    "load_scaling", "complex_values", "user_lists", "xuser_lists", "projects", "xprojects",
    "usage_scaling", "report_variables",
)  # fmt: skip
ENVIRONMENT = {
    "pe_name": "smp", "slots": "999", "user_lists": "NONE", "xuser_lists": "NONE",
    "start_proc_args": "NONE", "stop_proc_args": "NONE", "allocation_rule": "$pe_slots",
    "control_slaves": "FALSE", "job_is_first_task": "TRUE", "urgency_slots": "min",
    "accounting_summary": "FALSE", "qsort_args": "NONE",
}  # fmt: skip
#: Its shell is not sh, as on many sites, and the first line of scripts means nothing.
QUEUE = {
    "hostlist": "@allhosts", "seq_no": "0", "load_thresholds": "NONE",
    "suspend_thresholds": "NONE", "nsuspend": "1", "suspend_interval": "00:05:00",
    "priority": "0", "min_cpu_interval": "00:05:00", "processors": "UNDEFINED",
    "qtype": "BATCH INTERACTIVE", "ckpt_list": "NONE", "pe_list": "smp", "rerun": "FALSE",
    "slots": "16", "tmpdir": tempfile.gettempdir(),
    "shell": "/bin/csh", "prolog": "NONE", "epilog": "NONE",
    "shell_start_mode": "posix_compliant", "starter_method": "NONE", "suspend_method": "NONE",
    "resume_method": "NONE", "terminate_method": "NONE", "notify": "00:00:03",
    "owner_list": "NONE", "user_lists": "NONE", "xuser_lists": "NONE",
    "subordinate_list": "NONE", "complex_values": "NONE", "projects": "NONE",
    "xprojects": "NONE", "calendar": "NONE", "initial_state": "default",
    **{
        f"{kind}_{what}": "INFINITY"
        for what in ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")
        for kind in "sh"
    },
}  # fmt: skip


def lines(fields: dict[str, str]) -> str:
    return "".join(f"{name} {value}\n" for name, value in fields.items())


def changed(text: str, fields: dict[str, str]) -> str:
    """A configuration with other values."""
    kept = [line for line in text.splitlines() if line.partition(" ")[0] not in fields]
    return "\n".join(kept) + "\n" + lines(fields)


def initialize(root: Path, environment: dict[str, str]) -> None:
    """Make a cell with the commands of Debian's own script, which asks for nothing."""
    for name in ("default/common", "spool/qmaster/job_scripts", "spool/execd", "spooldb"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "utilbin"):
        (root / name).mkdir()
        (root / name / "lx-amd64").symlink_to(PROGRAMS)
    common = root / "default/common"
    (common / "bootstrap").write_text(BOOTSTRAP.format(root=root))
    (common / "act_qmaster").write_text(f"{short_host_name()}\n")
    # Where the host's name leads to 127.0.0.1, which leads back to another name.
    (common / "host_aliases").write_text(f"{short_host_name()} localhost\n")
    settings = {name: value.format(root=root) for name, value in GLOBAL.items()}
    configuration = root / "configuration"
    configuration.write_text(changed((SHARE / "default-configuration").read_text(), settings))
    resources = SHARE / "util/resources"
    for program, *arguments in (
        ("spoolinit", "berkeleydb", "libspoolb", str(root / "spooldb"), "init"),
        ("spooldefaults", "configuration", str(configuration)),
        ("spooldefaults", "complexes", str(resources / "centry")),
        ("spooldefaults", "usersets", str(resources / "usersets")),
        ("spooldefaults", "managers", "root"),
    ):
        done = run(str(PROGRAMS / program), *arguments, environment=environment)
        assert done.returncode == 0, (program, done)


def configure(system: BatchSystem, root: Path) -> None:
    """Tell the master about one host, one queue and one parallel environment."""

    def configured(option: str, text: str) -> None:
        (root / "given").write_text(text)
        done = system.run("qconf", option, str(root / "given"))
        assert done.returncode == 0, (option, done)

    host = short_host_name()
    assert system.run("qconf", "-as", host).returncode == 0
    configured("-Ae", lines({"hostname": host, **dict.fromkeys(NOTHING, "NONE")}))
    configured("-Ahgrp", lines({"group_name": "@allhosts", "hostlist": host}))
    configured("-Ap", lines(ENVIRONMENT))
    for name, slots in (("main.q", "16"), ("narrow.q", "1")):
        configured("-Aq", lines({"qname": name, **QUEUE, "slots": slots}))
    configured("-Msconf", changed(system.run("qconf", "-ssconf").stdout, SCHEDULER))


def start(sge: Daemons) -> BatchSystem:
    root = sge.directory / "root"
    master_port, node_port = free_ports(2)
    environment = {
        "SGE_ROOT": str(root),
        "SGE_CELL": "default",
        "SGE_QMASTER_PORT": str(master_port),
        "SGE_EXECD_PORT": str(node_port),
    }
    initialize(root, environment)
    # SGE_ND: in the foreground.
    foreground = {**environment, "SGE_ND": "1"}
    master = sge.start(str(PROGRAMS / "sge_qmaster"), environment=foreground)
    system = BatchSystem(environment, sge.directory, master)
    answers = lambda: system.run("qconf", "-sh").returncode == 0  # noqa: E731
    wait_for(answers, 20, f"Grid Engine's master, see {sge.directory}")
    configure(system, root)
    sge.start(str(PROGRAMS / "sge_execd"), environment=foreground)
    # Its queues are unknown ("au") until its first report.
    ready = lambda: "lx-amd64" in system.run("qhost").stdout  # noqa: E731
    wait_for(ready, 30, f"Grid Engine's node, see {sge.directory}")
    return system


@contextlib.contextmanager
def running_grid_engine() -> Iterator[BatchSystem]:
    """Start a master and one node; stop them at the end."""
    with daemons("sge") as sge:
        yield start(sge)


@pytest.fixture(scope="session")
def grid_engine() -> Iterator[BatchSystem]:
    """Grid Engine with a node of 16 slots, whatever the machine has."""
    reason = missing(*NEEDED)
    if not reason and not PROGRAMS.is_dir():
        reason = "not Debian's Grid Engine"
    if reason:
        pytest.skip(reason)
    with running_grid_engine() as system:
        yield system
