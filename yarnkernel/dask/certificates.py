"""How what a Dask cluster says is encrypted, and what its workers need for that."""

from __future__ import annotations

import os
from pathlib import Path

from distributed import Security

from yarnkernel.errors import UsageError

#: Files of a worker's container.
CA, CERTIFICATE, KEY = "dask-ca.pem", "dask-cert.pem", "dask-key.pem"
#: Fields of a Security that name what it encrypts with, which Dask's configuration may have, too.
_ROLES = ("client", "scheduler", "worker")
_FILES = ("tls_ca_file", *(f"tls_{role}_{what}" for role in _ROLES for what in ("cert", "key")))


def chosen_security(given: bool | Security | None) -> Security:  # noqa: FBT001  (a user's value)
    """Return what is asked for.

    Parameters
    ----------
    given : bool or distributed.Security, optional
        False for no encryption. None for what Dask's own configuration has, if that is complete,
        else for a new key, as True is.
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
    """What workers need to talk to each other and to the scheduler; nothing without encryption."""
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
    """Dask takes what is in a file as well as its path."""
    text = os.fspath(value)
    return text.encode() if "-----BEGIN" in text else Path(text).read_bytes()
