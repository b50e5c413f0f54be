"""Kernels on a cluster with Kerberos and HDFS, and the tokens that they take along."""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import skein

from tests.conftest import Shell, wait_for
from tests.kerberos.clients import as_user, changed
from tests.support.inside import check_inside
from tests.support.kernels import RECIPE, Kernel, start_kernel, write_spec
from tests.support.recorder import Recorder, needs_recorder
from tests.support.site_files import with_setting
from tests.support.submissions import files_in, keys_in, own_pair
from yarnkernel.cluster.find import ClusterEnvironment
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    HadoopConfigurationError,
    InvalidTokenError,
)
from yarnkernel.hadoop.delegation_tokens import delegation_tokens
from yarnkernel.hadoop.name_node import PROTOCOL, NameNode
from yarnkernel.hadoop.resource_manager import PROTOCOL as YARN_PROTOCOL
from yarnkernel.hadoop.resource_manager import ResourceManager
from yarnkernel.hadoop.rpc import RpcConnection
from yarnkernel.hadoop.sasl import TokenLogin
from yarnkernel.hadoop.site_files import load_configuration
from yarnkernel.local.options import PROTECTIONS
from yarnkernel.local.sites import to_xml
from yarnkernel.yarn.container_files import local_resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.hadoop.configuration import Configuration

pytestmark = pytest.mark.timeout(300)
GREETING = "greeting%20.txt"
SKEIN = """\
import sys, skein
with skein.Client() as client:
    application = client.connect(sys.argv[1])
    print(*application.kv)
    application.shutdown()
"""
#: Kinds of the tokens that a kernel has.
TOKENS = """
import os
from yarnkernel.hadoop.credentials import Credentials
with open(os.environ["HADOOP_TOKEN_FILE_LOCATION"], "rb") as file:
    credentials = Credentials.from_bytes(file.read())
sorted(token.kind for token in credentials.tokens.values())
"""


@pytest.fixture(scope="module")
def greeting(secure: Shell, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a file in HDFS."""
    file = tmp_path_factory.mktemp("files") / "greeting"
    file.write_text("from HDFS")
    path = f"/user/{secure.environment['KRB5PRINCIPAL']}/{GREETING}"
    # Hadoop takes a percent sign in a path to the letter.
    secure.run("hadoop", "fs", "-put", "-f", file, path).ok()
    return path


@pytest.fixture
def kernel(secure: Shell, greeting: str, tmp_path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A kernel with a file from HDFS, started the direct way."""
    configuration = load_configuration(Path(secure.environment["HADOOP_CONF_DIR"]))
    url = f"{configuration.get('fs.defaultFS')}{greeting}"
    spec = write_spec(tmp_path, RECIPE, resources="{memory: 1 GiB, vcores: 1}")
    files = f"master:\n  files: {{greeting: '{url}'}}\n"
    spec.write_text(spec.read_text().replace("master:\n", files))
    shell = secure.using(YARNKERNEL_VIA="direct")
    app_id, info = start_kernel(shell, spec)
    try:
        yield app_id, info
    finally:
        secure.yarnkernel("stop", "--force", app_id)


def test_direct_way(secure: Shell, kernel: tuple[str, dict[str, Any]]) -> None:
    """A kernel with Kerberos, privacy and HDFS, and skein's own client on it."""
    app_id, info = kernel
    with Kernel(info) as client:
        assert client.run("print(open('greeting').read(), end='')") == "from HDFS"
        # That for HDFS twice: by its NameNode's address, and by its name.
        assert client.run(TOKENS) == f"{2 * ['HDFS_DELEGATION_TOKEN'] + ['RM_DELEGATION_TOKEN']}"
        check_inside(client, app_id, secure.environment["KRB5PRINCIPAL"])
    listed = secure.yarnkernel("list", "--json").ok().document
    assert [entry["id"] for entry in listed] == [app_id]
    assert listed[0]["user"] == secure.environment["KRB5PRINCIPAL"]

    guest = secure.using(KRB5PRINCIPAL="guest")
    denied = guest.yarnkernel("stop", "--force", app_id).error(1)
    assert "User guest cannot perform operation MODIFY_APP" in denied
    assert "guest has no kernel here" in guest.yarnkernel("stop", "--all").ok().err

    # What `skein kv ls` and `skein application shutdown` do, by one JVM instead of two.
    shown = secure.run(sys.executable, "-c", SKEIN, app_id).ok().out
    assert "ipython.kernel.info" in shown.split()

    def ended() -> bool:
        status = secure.yarnkernel("status", app_id, "--json").ok().document
        return bool(status["state"] == "FINISHED")

    wait_for(ended, 30, f"{app_id} FINISHED")


#: A worker with the kernel's file from HDFS, and the kinds of its tokens.
DASK = f"""
from distributed import Client
from yarnkernel.dask import YarnCluster
def look():
{textwrap.indent(TOKENS.replace("sorted(", "kinds = sorted("), "    ")}
    return open("greeting").read(), kinds, len(credentials.secrets)
with YarnCluster(n_workers=1, worker_memory="700 MiB") as cluster, Client(cluster) as client:
    print(cluster.scheduler_address.partition(":")[0], *client.submit(look).result(timeout=120))
"""


def test_dask(kernel: tuple[str, dict[str, Any]]) -> None:
    """A worker has the kernel's tokens and files, not the ApplicationMaster's token or secrets."""
    with Kernel(kernel[1]) as client:
        shown = client.run(DASK, timeout=150)
    tokens = 2 * ["HDFS_DELEGATION_TOKEN"] + ["RM_DELEGATION_TOKEN"]  # by address and by name
    assert shown == f"tls from HDFS {tokens} 0\n"


@needs_recorder
@pytest.mark.parametrize("encrypt", [False, True])
def test_what_travels(secure: Shell, tmp_path: Path, *, encrypt: bool) -> None:
    """Kerberos alone hides nothing; what can be read opens one application, or none."""
    open_wire = with_setting(secure, "hadoop.rpc.protection", "authentication", tmp_path)
    spec = write_spec(tmp_path, RECIPE)
    options = ("--via", "direct", *["--encrypt"] * encrypt)
    with Recorder() as recorder:
        app_id = open_wire.yarnkernel("start", spec, *options).ok().out.strip()
    try:
        info = secure.yarnkernel("connect", app_id).ok().document
        with Kernel(info) as kernel:
            assert kernel.run("6 * 7") == "42"
    finally:
        secure.yarnkernel("stop", "--force", app_id).ok()
    configuration = load_configuration(Path(secure.environment["HADOOP_CONF_DIR"]))
    port = int(configuration.get("yarn.resourcemanager.address").rpartition(":")[2])
    heard = recorder.heard([port])
    assert list(files_in(heard)) == [".yarnkernel.sh"]  # so it was heard
    keys = keys_in(heard)
    assert len(keys) == (not encrypt)
    assert own_pair(secure)[1] not in keys
    assert not recorder.hears(info["key"])


def test_tokens_for_hdfs(configuration: Configuration) -> None:
    """A token lets in who has no ticket, until it is cancelled; its renewer may renew it."""
    url = configuration.get("fs.defaultFS")
    tokens = delegation_tokens(configuration, [f"{url}/x"], Deadline(20))
    token = tokens[f"127.0.0.1:{url.rpartition(':')[2]}"]
    assert (token.kind, tokens[token.service]) == ("HDFS_DELEGATION_TOKEN", token)
    host, port = url.removeprefix("hdfs://").split(":")
    message: dict[str, Any] = vars(token)

    def look() -> bool:
        connection = RpcConnection(
            (host, int(port)), PROTOCOL, configuration, TokenLogin(token, [*PROTECTIONS])
        )
        namenode = NameNode(configuration, f"{host}:{port}")
        namenode._connections = [connection]
        with contextlib.closing(namenode):
            return namenode.file_info("/user", 20) is not None

    assert look()
    renewer = as_user(configuration, "yarn/localhost")
    with contextlib.closing(NameNode(renewer, f"{host}:{port}")) as namenode:
        answer = namenode.call("RenewDelegationToken", 20, package="common", token=message)
        assert answer.newExpiryTime > 0
    with contextlib.closing(NameNode(configuration, f"{host}:{port}")) as namenode:
        namenode.call("CancelDelegationToken", 20, package="common", token=message)
    with pytest.raises(InvalidTokenError):
        look()


def test_file_of_a_name_service(
    configuration: Configuration, secure: Shell, greeting: str, tmp_path: Path
) -> None:
    """Names of those are as they are written, and YARN is told the path that was looked at."""
    address = configuration.get("fs.defaultFS").removeprefix("hdfs://")
    conf_dir = shutil.copytree(secure.environment["HADOOP_CONF_DIR"], tmp_path / "conf")
    more = {
        "dfs.ha.namenodes.HACluster": "nn1",
        "dfs.namenode.rpc-address.HACluster.nn1": address,
    }
    (conf_dir / "hdfs-site.xml").write_text(to_xml(configuration.settings | more))
    cluster = ClusterEnvironment("test", secure.environment, conf_dir)
    file = skein.File(f"hdfs://HACluster{greeting}")
    resource = local_resource(file, cluster, Deadline(20), print).resource
    assert (resource.host, resource.file) == ("HACluster", greeting)


def test_token_for_yarn(configuration: Configuration) -> None:
    address = configuration.get("yarn.resourcemanager.address")
    tokens = delegation_tokens(configuration, [], Deadline(20))
    token = tokens[f"127.0.0.1:{address.rpartition(':')[2]}"]
    assert (token.kind, tokens[token.service]) == ("RM_DELEGATION_TOKEN", token)
    with contextlib.closing(ResourceManager(configuration)) as resource_manager:
        host, port = address.split(":")
        resource_manager._connections = [
            RpcConnection(
                (host, int(port)), YARN_PROTOCOL, configuration, TokenLogin(token, [*PROTECTIONS])
            )
        ]
        assert resource_manager.cluster_metrics(20).num_node_managers == 1
    pair = changed(
        configuration,
        yarn__resourcemanager__ha__enabled="true",
        **{"yarn__resourcemanager__ha__rm-ids": "a,b"},
        yarn__resourcemanager__address__a="127.0.0.1:1",
        yarn__resourcemanager__address__b=address,
    )
    assert f"127.0.0.1:1,{token.service}" in delegation_tokens(pair, [], Deadline(20))


def test_tokens_of_what_a_viewfs_mounts(configuration: Configuration) -> None:
    url = configuration.get("fs.defaultFS")
    chosen = changed(configuration, fs__defaultFS="viewfs://both/")
    chosen.settings["fs.viewfs.mounttable.both.link./data"] = f"{url}/data"
    chosen.settings["fs.viewfs.mounttable.both.linkFallback"] = f"{url}/"
    chosen.settings["fs.viewfs.mounttable.both.link./local"] = "file:///tmp"
    assert len(delegation_tokens(chosen, [], Deadline(20))) == 3  # by address and by name; YARN's
    simple = changed(configuration, hadoop__security__authentication="simple")
    assert delegation_tokens(simple, [url], Deadline(20)) == {}


def test_no_renewer_for_tokens(configuration: Configuration) -> None:
    chosen = changed(configuration, yarn__resourcemanager__principal="")
    with pytest.raises(HadoopConfigurationError, match=r"yarn.resourcemanager.principal"):
        delegation_tokens(chosen, [], Deadline(20))
