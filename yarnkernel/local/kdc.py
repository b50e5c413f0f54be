"""The KDC of a local cluster with Kerberos: Hadoop's MiniKdc, which uses Apache Kerby.

Its arguments and properties are those of ``MiniKdc.java`` of Hadoop 3.5.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.local.user import local_user

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.local.state import ClusterState

#: Lock of its artefacts, the same for every version of Hadoop.
ARTEFACTS = "minikdc-3.5.0"
MAIN_CLASS = "org.apache.hadoop.minikdc.MiniKdc"
#: Printed by MiniKdc after it has written the keytab.
READY = "Standalone MiniKdc Running"
REALM = "YARNKERNEL.LOCAL"
#: Principals of the daemons, which are all on this host.
YARN, HDFS, HTTP = (f"{service}/localhost" for service in ("yarn", "hdfs", "HTTP"))
#: Another user, to test the rights of others.
GUEST = "guest"

_PROPERTIES = """\
org.name=YARNKERNEL
org.domain=LOCAL
kdc.bind.address=localhost
kdc.port={port}
transport=TCP
instance=DefaultKrbServer
debug=false
min.ticket.lifetime=1
"""
_KRB5_CONF = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = localhost:{port}
  }}
"""


def lay_out(state: ClusterState, jars: Path) -> None:
    """Write the files that the KDC and its clients read.

    Parameters
    ----------
    state : ClusterState
        The cluster.
    jars : pathlib.Path
        The directory with the KDC's jars.
    """
    directory = state.path / "kdc"
    directory.mkdir()
    (directory / "jars").symlink_to(jars)
    port = state.ports["kdc"]
    (directory / "kdc.properties").write_text(_PROPERTIES.format(port=port))
    state.krb5_conf.write_text(_KRB5_CONF.format(realm=REALM, port=port))


def arguments(state: ClusterState) -> list[str]:
    """Return the arguments for MiniKdc, which writes new keys of all principals to one keytab."""
    directory = state.path / "kdc"
    principals = (YARN, HDFS, HTTP, GUEST, local_user())
    return [str(directory), str(directory / "kdc.properties"), str(state.keytab), *principals]
