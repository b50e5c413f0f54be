"""Checks of skein's key pair, which authenticates us and our kernels, and of encryption."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.connection import AUTO, NEVER, REQUIRED
from yarnkernel.doctor.check import failed, ok, warning
from yarnkernel.hadoop.node_manager import web_scheme
from yarnkernel.store.skein_import import skein
from yarnkernel.yarn.direct_way import reason_against

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from yarnkernel.deadline import Deadline
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

#: How long a certificate has to be valid without a warning.
SOON = timedelta(days=14)
_NEW = "skein config gencerts --force (kernels that run can then only be stopped)"


def check_certificates(_subject: Subject, _deadline: Deadline) -> Check:
    """Check the user's skein key pair: present, matching, valid and private."""
    return check_pair(Path(skein.core.properties.config_dir))


def check_pair(directory: Path) -> Check:
    """Check the key pair in a directory."""
    paths = [directory / name for name in ("skein.crt", "skein.pem")]
    if not any(path.exists() for path in paths):
        return ok(f"none in {directory} yet: the first start makes them")
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    try:
        certificate = load_pem_x509_certificate(paths[0].read_bytes())
        key = load_pem_private_key(paths[1].read_bytes(), None)
    except (OSError, ValueError, TypeError) as exc:
        why = getattr(exc, "strerror", None) or "what is in them is no certificate and key"
        return failed(str(directory), f"skein.crt and skein.pem cannot be read: {why}", _NEW)
    if key.public_key() != certificate.public_key():
        return failed(str(directory), "skein.crt is not the certificate of skein.pem", _NEW)
    return _check_use(certificate, paths[1])


def _check_use(certificate: Certificate, key: Path) -> Check:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    now = datetime.now(timezone.utc)
    found = f"{key.parent}, valid until {end:%Y-%m-%d}"
    if now > end:
        return failed(found, "it has expired: no kernel lets you in", _NEW)
    if now < begin:
        why = f"it is valid from {begin:%Y-%m-%d %H:%M} UTC on"
        return failed(found, why, "is this machine's clock right? date -u")
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & 0o077:
        why = f"others can use it: {key} has the mode {mode:04o}"
        return warning(found, why, f"chmod 600 {key}; then {_NEW}")
    if end - now < SOON:
        return warning(found, "it expires soon", _NEW)
    return ok(f"{found}, for you alone")


def check_encryption(subject: Subject, _deadline: Deadline) -> Check:
    """Check whether the encryption that a start wants is possible, and what stays in the clear."""
    import zmq  # noqa: PLC0415  (slow to import)

    configuration, wanted = subject.configuration, subject.options.encrypt
    curve = bool(zmq.has("curve"))
    privacy = configuration.get("hadoop.rpc.protection") == "privacy"
    wire = "is encrypted" if privacy else "is not encrypted (hadoop.rpc.protection is not privacy)"
    found = f"clients here {'can' if curve else 'cannot'} encrypt (CurveZMQ)"
    found += f"; what goes to the cluster {wire}; logs come by {web_scheme(configuration)}"
    if wanted in (REQUIRED, AUTO) and not curve:
        todo = "a pyzmq with CurveZMQ, as PyPI's and conda's are; or --no-encrypt"
        why = "the libzmq of this Python knows no CurveZMQ"
        return (failed if wanted == REQUIRED else warning)(found, why, todo)
    if wanted == REQUIRED:
        against = reason_against(subject.specification, configuration)
        if against:
            why = f"--encrypt needs the direct way, and this cannot take it: {against}"
            return failed(found, why, "a specification that can, or without --encrypt")
        if configuration.wants_kerberos and not privacy:
            why = "your tokens for the cluster can be read on their way to the container"
            return warning(found, why, "ask for hadoop.rpc.protection=privacy")
    if wanted in ("", NEVER):
        found += "; what kernel and clients say is not: --encrypt, and yarnkernel console"
    return ok(found)
