"""The certificate with which an ApplicationMaster proves which application it belongs to.

It is signed with the user's skein credentials, so that stock skein's clients, which only know the
user's certificate, accept it, too. It is valid for servers only, and has the application's name,
which this package's clients check: with its key, nobody can send requests to the user's other
applications or impersonate one that has such a certificate itself.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yarnkernel.errors import AuthenticationError, UnreachableError
from yarnkernel.hadoop.sockets import open_socket
from yarnkernel.store.address import SKEIN_NAME, certificate_name

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key for one application."""
    return ec.generate_private_key(ec.SECP256R1())


def to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def self_signed(app_id: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Make a self-signed certificate, valid from 2000 to 2100.

    Parameters
    ----------
    app_id : str
        The application's id.
    key : EllipticCurvePrivateKey
        The application's key.

    Returns
    -------
    bytes
        PEM.
    """
    utc = dt.timezone.utc
    times = dt.datetime(2000, 1, 1, tzinfo=utc), dt.datetime(2100, 1, 1, tzinfo=utc)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, certificate_name(app_id))])
    return _certificate(app_id, key.public_key(), issuer, key, times)


def signed(app_id: str, public_key: ec.EllipticCurvePublicKey, pair: tuple[bytes, bytes]) -> bytes:
    """Make an application's certificate, valid for as long as the user's.

    Parameters
    ----------
    app_id : str
        The application's id.
    public_key : EllipticCurvePublicKey
        The application's key.
    pair : tuple of bytes
        The user's certificate and private key, PEM.

    Returns
    -------
    bytes
        PEM.
    """
    issuer = x509.load_pem_x509_certificate(pair[0])
    # The user's own key need not be validated at each start, which takes 25 ms.
    key = serialization.load_pem_private_key(pair[1], None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise TypeError(f"a {type(key).__name__} signs no certificate here")
    times = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    return _certificate(app_id, public_key, issuer.subject, key, times)


def _certificate(
    app_id: str,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    times: tuple[dt.datetime, dt.datetime],
) -> bytes:
    name = certificate_name(app_id)
    names = [x509.DNSName(SKEIN_NAME), x509.DNSName(name)]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(times[0])
        .not_valid_after(times[1])
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # Otherwise it would be valid for clients of the user's other applications.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of a public key, in hexadecimal digits."""
    content = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(content).hexdigest()


def presented(host: str, port: int, expected: str, deadline: Deadline) -> bytes:
    """Return a server's certificate, which may be self-signed.

    Parameters
    ----------
    host : str
        The server's host.
    port : int
        The server's port.
    expected : str
        The fingerprint of its key, as reported by YARN.
    deadline : Deadline
        For the answer.

    Returns
    -------
    bytes
        PEM.

    Raises
    ------
    UnreachableError
        When it does not answer.
    AuthenticationError
        When it presents another key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The fingerprint is checked instead.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            open_socket((host, port), deadline) as connection,
            context.wrap_socket(connection) as channel,
        ):
            found = ssl.DER_cert_to_PEM_cert(channel.getpeercert(binary_form=True) or b"").encode()
    except (OSError, ValueError) as exc:
        raise UnreachableError(f"{host}:{port} shows no certificate: {exc}") from exc
    if fingerprint(public_key(found)) != expected:
        raise AuthenticationError(
            f"{host}:{port} shows another key than the one that YARN was told of: somebody may be "
            "between here and there; next: yarnkernel stop --force"
        )
    return found


def public_key(certificate: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key in an application's PEM certificate.

    Raises
    ------
    AuthenticationError
        When it has no elliptic-curve key.
    """
    try:
        found = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError as exc:
        raise AuthenticationError(f"this is no certificate: {exc}") from exc
    if not isinstance(found, ec.EllipticCurvePublicKey):
        raise AuthenticationError(f"its certificate has a {type(found).__name__}")
    return found


def is_signed_by(certificate: bytes, issuer: bytes) -> bool:
    """Return whether a PEM certificate was signed with the key of another one."""
    try:
        x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(
            x509.load_pem_x509_certificate(issuer)
        )
    except Exception:  # noqa: BLE001  (of which there are several, for anybody's bytes)
        return False
    return True
