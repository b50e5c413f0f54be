"""Trust for Hadoop's web pages: ``ssl-client.xml`` in addition to this machine's certificates."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import HadoopConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.hadoop.configuration import Configuration

_FILE_SETTING = "hadoop.ssl.client.conf"
_STORE = "ssl.client.truststore.location"
_VERIFIER_SETTING = "hadoop.ssl.hostname.verifier"
#: A Java keystore (sun.security.provider.JavaKeyStore), and its entries for certificates.
_JKS = b"\xfe\xed\xfe\xed\x00\x00\x00\x02"
_CERTIFICATE = 2
_PEM = b"-----BEGIN CERTIFICATE-----"


def client_context(configuration: Configuration | None, *, verify: bool = True) -> ssl.SSLContext:
    """Return the SSL context for requests.

    Parameters
    ----------
    configuration : Configuration, optional
        Of the cluster. Without one, only this machine's certificates are trusted
        (``SSL_CERT_FILE``).
    verify : bool, default True
        Whether to verify the server's certificate.

    Raises
    ------
    HadoopConfigurationError
        When its truststore cannot be read.
    """
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if configuration is None or not verify:
        return context
    if configuration.get(_VERIFIER_SETTING).upper() == "ALLOW_ALL":
        context.check_hostname = False
    location = configuration.side_file(configuration.get(_FILE_SETTING, "ssl-client.xml")).get(
        _STORE, ""
    )
    if location:
        try:
            certificates = _certificates(Path(location).read_bytes())
            for certificate in certificates:
                with contextlib.suppress(ssl.SSLError):  # one that OpenSSL does not support
                    context.load_verify_locations(cadata=certificate)
        except OSError as exc:
            raise HadoopConfigurationError(f"{_STORE}: {location}: {exc.strerror}") from exc
        except (ValueError, IndexError) as exc:
            raise HadoopConfigurationError(
                f"{_STORE}: {location} is not read here ({exc}); next: set SSL_CERT_FILE to its "
                "certificates in a file (keytool -exportcert -rfc)"
            ) from exc
    return context


def explain(error: ssl.SSLError) -> str:
    """Return what is wrong with a server's TLS, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted here: {error.verify_message}; next: set SSL_CERT_FILE "
            f"to a file with that of who has signed it, or {_STORE} in ssl-client.xml"
        )
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return "it does not speak TLS; is yarn.http.policy of the site files here right?"
    return str(error)


def _certificates(content: bytes) -> Iterator[bytes | str]:
    if _PEM in content:
        yield content[content.index(_PEM) :].decode("ascii", "replace")
        return
    if not content.startswith(_JKS):
        raise ValueError("it is neither a JKS nor in PEM")
    position = len(_JKS)

    def take(size: int) -> bytes:
        nonlocal position
        part = content[position : position + size]
        position += size
        if len(part) < size:
            raise IndexError("it ends too early")
        return part

    def number(size: int) -> int:
        return int.from_bytes(take(size), "big")

    for _ in range(number(4)):
        kind, _alias, _date = number(4), take(number(2)), take(8)
        if kind != _CERTIFICATE:  # an encrypted key and its certificates
            take(number(4))
        for _ in range(1 if kind == _CERTIFICATE else number(4)):
            take(number(2))
            certificate = take(number(4))
            if kind == _CERTIFICATE:
                yield certificate
