"""Site files of a local cluster that accepts nobody without a ticket or a token.

"Hadoop in Secure Mode" of Hadoop 3.5.0's documentation describes the settings.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from yarnkernel.errors import LocalClusterError
from yarnkernel.local.kdc import GUEST, HDFS, HTTP, REALM, YARN
from yarnkernel.local.user import local_user

if TYPE_CHECKING:
    from yarnkernel.local.state import ClusterState

#: Seconds for a Hadoop command, which starts a JVM.
_COMMAND_TIMEOUT = 60.0


def core_site() -> dict[str, str]:
    """Return settings of ``core-site.xml`` for a cluster with Kerberos."""
    groups = (local_user(), GUEST, "hdfs", "yarn", "HTTP")
    return {
        "hadoop.security.authentication": "kerberos",
        "hadoop.security.authorization": "true",
        "hadoop.user.group.static.mapping.overrides": "".join(
            f"{name}={name};" for name in dict.fromkeys(groups)
        )
        + "dr.who=;",
    }


def yarn_site(state: ClusterState) -> dict[str, str]:
    """Return settings of ``yarn-site.xml`` for a cluster with Kerberos."""
    settings = {
        # Without Hadoop's native library, a NodeManager that collects logs ends (SecureIOUtils).
        "yarn.log-aggregation-enable": "false",
        # By default, all users may do everything.
        "yarn.acl.enable": "true",
        "yarn.admin.acl": "yarn",
    }
    for daemon in ("resourcemanager", "nodemanager"):
        settings[f"yarn.{daemon}.principal"] = f"{YARN}@{REALM}"
        settings[f"yarn.{daemon}.keytab"] = str(state.keytab)
    return settings


def capacity_scheduler() -> dict[str, str]:
    """Return queue settings for a cluster with Kerberos: only owners manage applications."""
    return {"yarn.scheduler.capacity.root.acl_administer_queue": " "}


def hdfs_site(state: ClusterState) -> dict[str, str]:
    """Return settings of ``hdfs-site.xml`` for a cluster with Kerberos."""
    keytab = str(state.keytab)
    return {
        "dfs.namenode.kerberos.principal": f"{HDFS}@{REALM}",
        "dfs.namenode.keytab.file": keytab,
        "dfs.datanode.kerberos.principal": f"{HDFS}@{REALM}",
        "dfs.datanode.keytab.file": keytab,
        "dfs.web.authentication.kerberos.principal": f"{HTTP}@{REALM}",
        "dfs.web.authentication.kerberos.keytab": keytab,
        "dfs.block.access.token.enable": "true",
        "dfs.data.transfer.protection": state.options.rpc_protection,
        # Otherwise a DataNode requires ports that only root may open.
        "ignore.secure.ports.for.testing": "true",
        # As without Kerberos, where the NameNode runs as the user.
        "dfs.permissions.superusergroup": local_user(),
    }


def make_hdfs_directories(state: ClusterState, user: str) -> None:
    """Make the directories that YARN's applications write to, with Hadoop's own client.

    Raises
    ------
    LocalClusterError
        When that fails.
    """
    environment = {**os.environ, **state.environment()}
    for arguments in (
        ("-mkdir", "-p", f"/user/{user}", f"/user/{GUEST}", "/tmp/logs"),  # noqa: S108
        ("-chown", GUEST, f"/user/{GUEST}"),
        ("-chmod", "1777", "/tmp", "/tmp/logs"),  # noqa: S108
    ):
        command = [str(state.bin_dir / "hadoop"), "fs", *arguments]
        try:
            subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_COMMAND_TIMEOUT,
                check=True,
            )
        except subprocess.CalledProcessError as exc:
            said = exc.stderr.strip().splitlines() or ["it gives no reason"]
            raise LocalClusterError(f"{' '.join(command[1:])} fails: {said[-1]}") from exc
        except subprocess.TimeoutExpired as exc:
            raise LocalClusterError(
                f"{' '.join(command[1:])} did not end within {_COMMAND_TIMEOUT:.0f} s"
            ) from exc
