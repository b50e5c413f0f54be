"""What can be read of a submission where Hadoop protects nothing: on the wire, and in stores."""

from __future__ import annotations

import base64
import io
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import skein

from yarnkernel.store.address import certificate_name
from yarnkernel.store.rpc import open_channel

if TYPE_CHECKING:
    from tests.conftest import Shell

_PEM = rb"-----BEGIN %s-----.*?-----END %s-----\n"


def own_pair(shell: Shell) -> tuple[bytes, bytes]:
    """Certificate and key by which a user's clients and kernels know each other."""
    home = Path(shell.environment["HOME"], ".skein")
    directory = Path(shell.environment.get("SKEIN_CONFIG") or home)
    return (directory / "skein.crt").read_bytes(), (directory / "skein.pem").read_bytes()


def keys_in(content: bytes) -> set[bytes]:
    """Private keys, as PEM."""
    return set(re.findall(_PEM % (b"PRIVATE KEY", b"PRIVATE KEY"), content, re.DOTALL))


def certificates_in(content: bytes) -> set[bytes]:
    return set(re.findall(_PEM % (b"CERTIFICATE", b"CERTIFICATE"), content, re.DOTALL))


def files_in(content: bytes) -> dict[str, bytes]:
    """The files that travel, and the script."""
    packed = re.search(rb"=yarnkernel-files\S*=\n(.*?)=yarnkernel-end", content, re.DOTALL)
    assert packed, "no submission was heard"
    found = {}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed[1])), mode="r:gz") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            found[entry.name] = file.read() if file else b""
    return found


def serves(certificate: bytes, key: bytes, user: tuple[bytes, bytes], app_id: str) -> bool:
    """Whether clients of a user take who has this pair for an application's ApplicationMaster."""
    server = grpc.server(ThreadPoolExecutor(1))
    credentials = grpc.ssl_server_credentials([(key, certificate)], user[0], True)  # noqa: FBT003
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        security = skein.Security(cert_bytes=user[0], key_bytes=user[1])
        return _connects(open_channel(f"127.0.0.1:{port}", security, certificate_name(app_id)))
    finally:
        server.stop(0)


def opens(certificate: bytes, key: bytes, user: bytes, address: str) -> bool:
    """Whether an application's ApplicationMaster answers a client who has this pair."""
    name = ("grpc.ssl_target_name_override", "skein-internal")
    credentials = grpc.ssl_channel_credentials(user, key, certificate)
    channel = grpc.secure_channel(address, credentials, [name])
    try:
        request = skein.proto.GetRangeRequest(start="", result_type="KEYS")
        return bool(skein.proto.AppMasterStub(channel).GetRange(request, timeout=5).count)
    except grpc.RpcError:
        return False
    finally:
        channel.close()


def _connects(channel: grpc.Channel) -> bool:
    try:
        grpc.channel_ready_future(channel).result(3)
    except grpc.FutureTimeoutError:
        return False
    finally:
        channel.close()
    return True
