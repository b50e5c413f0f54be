"""A Slurm of its own for the tests of one session, on this machine."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_for
from tests.support.daemons import BatchSystem, daemons, free_ports, missing, short_host_name

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "setpriv")
#: One partition for whatever has to run, one that is full with one job, one whose jobs are short.
#: Without the intervals a job behind one that waits would wait for half a minute, too.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
MinJobAge=300
KillWait=2
MessageTimeout=3
SlurmctldTimeout=60
SlurmdTimeout=60
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=16000 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=01:00:00 DefaultTime=00:30:00 State=UP
PartitionName=narrow Nodes={host} MaxCPUsPerNode=1 MaxTime=01:00:00 State=UP
PartitionName=short Nodes={host} MaxTime=00:01:00 State=UP
"""


@contextlib.contextmanager
def running_slurm() -> Iterator[BatchSystem]:
    """Start a node, a controller and what they know each other by; stop them at the end."""
    with daemons("slurm") as slurm:
        directory = slurm.directory
        environment = {"SLURM_CONF": str(directory / "slurm.conf")}
        (directory / "state").mkdir(mode=0o700)
        (directory / "spool").mkdir(mode=0o755)
        (directory / "key").write_bytes(secrets.token_bytes(128))
        (directory / "key").chmod(0o600)
        controller_port, node_port = free_ports(2)
        (directory / "slurm.conf").write_text(
            CONFIGURATION.format(
                directory=directory,
                host=short_host_name(),
                controller_port=controller_port,
                node_port=node_port,
            )
        )
        files = [f"--{name}-file={directory}/munge.{name}" for name in ("pid", "log", "seed")]
        socket_path = directory / "munge.socket"
        # --force: the directory above is one where everybody may write.
        slurm.start("munged", "--foreground", "--force", "--num-threads=2", *files,
                    f"--key-file={directory}/key", f"--socket={socket_path}",
                    environment=environment)  # fmt: skip
        wait_for(socket_path.exists, 10, "munged")
        controller = slurm.start("slurmctld", "-D", environment=environment)
        slurm.start("slurmd", "-D", environment=environment)
        system = BatchSystem(environment, directory, controller)
        idle = ("sinfo", "--noheader", "--format=%T")
        wait_for(lambda: "idle" in system.run(*idle).stdout, 20, f"Slurm's node, see {directory}")
        yield system


@pytest.fixture(scope="session")
def slurm() -> Iterator[BatchSystem]:
    """Slurm with a node of 16 processors, whatever the machine has."""
    if reason := missing(*NEEDED):
        pytest.skip(reason)
    with running_slurm() as system:
        yield system
