"""The certificate by which an application's ApplicationMaster proves to be that, and no other.

Signed by the user's pair of skein, it is accepted by stock skein's clients too, which know that
pair's certificate alone. It is good for a server only, and it has the application's name, for
which our clients look: who gets to know its key can ask the user's other applications nothing, and
cannot pose as one that has such a certificate itself.
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
    """Write a key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def self_signed(app_id: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Make a certificate that nobody has signed yet, valid at any time.

    Parameters
    ----------
    app_id : str
        The application's id.
    key : EllipticCurvePrivateKey
        Its key.

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
    """Make the certificate of an application, valid for as long as that of its user.

    Parameters
    ----------
    app_id : str
        The application's id.
    public_key : EllipticCurvePublicKey
        Its key.
    pair : tuple of bytes
        The user's certificate and private key, PEM.

    Returns
    -------
    bytes
        PEM.
    """
    issuer = x509.load_pem_x509_certificate(pair[0])
    # That the user's own key is sound need not be proved anew at each start: it takes 25 ms.
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
        # Else it would do for a client of the user's other applications.
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
    """Ask a server for its certificate, which perhaps nobody has signed yet.

    Parameters
    ----------
    host : str
        Its host.
    port : int
        Its port.
    expected : str
        The fingerprint of its key, as YARN tells it.
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
        When it presents another one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whose it is, its fingerprint tells.
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
    """Return the public key in the certificate, PEM, of an application.

    Raises
    ------
    AuthenticationError
        When it has no key of this kind.
    """
    try:
        found = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError as exc:
        raise AuthenticationError(f"this is no certificate: {exc}") from exc
    if not isinstance(found, ec.EllipticCurvePublicKey):
        raise AuthenticationError(f"its certificate has a {type(found).__name__}")
    return found


def is_signed_by(certificate: bytes, issuer: bytes) -> bool:
    """Whether a certificate, PEM, was signed with the key of another one."""
    try:
        x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(
            x509.load_pem_x509_certificate(issuer)
        )
    except Exception:  # noqa: BLE001  (of which there are several, for anybody's bytes)
        return False
    return True
