"""Data from an application's submitter for the recipe that is its ApplicationMaster.

It is sent in the container's credentials, which YARN gives only to the container.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from yarnkernel.errors import CredentialsError

#: Names of secrets in the credentials.
_PREFIX = "yarnkernel."
_SETTINGS = f"{_PREFIX}master"
_CLIENTS = f"{_PREFIX}clients"
_CERTIFICATE = f"{_PREFIX}server.certificate"
_KEY = f"{_PREFIX}server.key"
_SPECIFICATION = f"{_PREFIX}specification"
FILES = f"{_PREFIX}files"
FURTHER = f"{_PREFIX}further"
#: Only for a further container: its command.
COMMAND = f"{_PREFIX}command"


@dataclass(frozen=True)
class MasterLaunch:
    """What a recipe needs to be its application's ApplicationMaster.

    Attributes
    ----------
    schedulers : list of tuple of str and int
        The ResourceManagers' addresses for ApplicationMasters.
    settings : dict of str to str
        The settings that it needs from the cluster's site files.
    clients : bytes
        Certificate of the clients that it accepts, PEM.
    specification : bytes
        The submitted specification, skein's ApplicationSpec.
    certificate, key : bytes
        Its own, PEM. Empty if it has to make them itself, as no key may be sent.
    submitted : float
        Time of submission by the submitter's clock, in seconds since 1970.
    further : bytes
        How to start a further container, a ContainerLaunchContextProto; empty if the submitter does
        not give it.
    files : bytes
        The files that were sent with it, see :mod:`~yarnkernel.store.packed_files`.
    """

    schedulers: list[tuple[str, int]]
    settings: dict[str, str]
    clients: bytes
    specification: bytes = field(repr=False)
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    submitted: float = field(default_factory=time.time)
    further: bytes = field(default=b"", repr=False)
    files: bytes = field(default=b"", repr=False)

    def to_secrets(self) -> dict[str, bytes]:
        """Return secrets for an application's credentials, without ``further`` and ``files``."""
        document = {
            "schedulers": self.schedulers,
            "settings": self.settings,
            "submitted": self.submitted,
        }
        return {
            _SETTINGS: json.dumps(document).encode(),
            _CLIENTS: self.clients,
            **({_CERTIFICATE: self.certificate, _KEY: self.key} if self.key else {}),
            _SPECIFICATION: self.specification,
        }

    @classmethod
    def from_secrets(cls, secrets: dict[str, bytes]) -> MasterLaunch:
        """Read it from the secrets of an application's credentials.

        Raises
        ------
        CredentialsError
            When it is missing or damaged.
        """
        try:
            document: dict[str, Any] = json.loads(secrets[_SETTINGS])
            return cls(
                schedulers=[(str(host), int(port)) for host, port in document["schedulers"]],
                settings=dict(document["settings"]),
                clients=secrets[_CLIENTS],
                certificate=secrets.get(_CERTIFICATE, b""),
                key=secrets.get(_KEY, b""),
                specification=secrets[_SPECIFICATION],
                submitted=float(document["submitted"]),
                further=secrets.get(FURTHER, b""),
                files=secrets.get(FILES, b""),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise CredentialsError(
                f"they do not say how to be an ApplicationMaster: {exc}; is the container's "
                "yarnkernel as new as the submitter's?"
            ) from exc


def is_ours(name: str) -> bool:
    """Return whether a secret is only for the recipe."""
    return name.startswith(_PREFIX)
