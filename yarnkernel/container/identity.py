"""The certificates of an ApplicationMaster and its clients, for mutual TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from yarnkernel.container.errors import MasterError
from yarnkernel.errors import AuthenticationError

if TYPE_CHECKING:
    from typing_extensions import Self

    from yarnkernel.store.master_launch import MasterLaunch


class Identity:
    """The key pair of an ApplicationMaster, and the certificate of its clients.

    Parameters
    ----------
    certificate, key : bytes
        Its own certificate and key, PEM.
    clients : bytes
        The clients' certificate, PEM.

    Attributes
    ----------
    fingerprint : str
        Of its key if it has made that itself; clients then learn it from YARN.
    """

    def __init__(self, certificate: bytes, key: bytes, clients: bytes) -> None:
        self._certificate, self._key, self._clients = certificate, key, clients
        self.fingerprint = ""

    @classmethod
    def of(cls, launch: MasterLaunch, app_id: str) -> Self:
        """Use the key pair that the submitter has sent, or make one.

        Raises
        ------
        MasterError
            When it cannot be made.
        """
        if launch.key:
            return cls(launch.certificate, launch.key, launch.clients)
        try:
            from yarnkernel.store.certificate import (  # noqa: PLC0415  (slow to import)
                fingerprint,
                new_key,
                self_signed,
                to_pem,
            )
        except ImportError as exc:
            raise MasterError(
                f"the container cannot make keys of its own: no module named {exc.name}; "
                "next: pip install cryptography in the kernel's environment"
            ) from exc
        key = new_key()
        identity = cls(self_signed(app_id, key), to_pem(key), launch.clients)
        identity.fingerprint = fingerprint(key.public_key())
        return identity

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return credentials for a gRPC server.

        Not gRPC's dynamic credentials: with those its library aborts under many dropped connections
        (1.85: "sync.cc: Check failed: prior > 0").
        """
        pair = (self._key, self._certificate)
        return grpc.ssl_server_credentials([pair], self._clients, require_client_auth=True)

    def take(self, certificate: bytes) -> None:
        """Use another certificate of the same key from now on, signed with the clients' key.

        Raises
        ------
        AuthenticationError
            When it is no such certificate.
        """
        from yarnkernel.store.certificate import is_signed_by, public_key  # noqa: PLC0415

        if public_key(certificate) != public_key(self._certificate):
            raise AuthenticationError("it has another key")
        if not is_signed_by(certificate, self._clients):
            raise AuthenticationError("the submitter's pair has not signed it")
        self._certificate = certificate
