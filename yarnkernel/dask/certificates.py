"""Encryption of a Dask cluster: certificates for scheduler and workers."""

from __future__ import annotations

import os
from pathlib import Path

from distributed import Security

from yarnkernel.errors import UsageError

#: File names in a worker's container.
CA, CERTIFICATE, KEY = "dask-ca.pem", "dask-cert.pem", "dask-key.pem"
#: Fields of a Security with keys and certificates, which Dask's configuration may set, too.
_ROLES = ("client", "scheduler", "worker")
_FILES = ("tls_ca_file", *(f"tls_{role}_{what}" for role in _ROLES for what in ("cert", "key")))


def chosen_security(given: bool | Security | None) -> Security:  # noqa: FBT001  (a user's value)
    """Return the security to use.

    Parameters
    ----------
    given : bool or distributed.Security, optional
        False for no encryption, True for a new key. None uses Dask's own configuration if that is
        complete, and otherwise a new key.
    """
    if isinstance(given, Security):
        return given
    if given is False:
        return Security(require_encryption=False, **dict.fromkeys(_FILES))
    configured = Security()
    if given is None and configured.tls_ca_file and configured.tls_scheduler_cert:
        return configured
    return Security.temporary()


def worker_files(security: Security) -> dict[str, bytes]:
    """Return the files that workers need for encryption; empty without it."""
    wanted = {
        CA: security.tls_ca_file,
        CERTIFICATE: security.tls_worker_cert,
        KEY: security.tls_worker_key,
    }
    if not security.tls_scheduler_cert:
        return {}
    try:
        return {name: _pem(value) for name, value in wanted.items() if value}
    except OSError as exc:
        raise UsageError(f"security: cannot read {exc.filename}: {exc.strerror}") from exc


def _pem(value: str | os.PathLike[str]) -> bytes:
    """Return PEM text; Dask accepts the content of a file or its path."""
    text = os.fspath(value)
    return text.encode() if "-----BEGIN" in text else Path(text).read_bytes()
