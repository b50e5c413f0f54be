"""What the submitter of an application tells the recipe that has to be its ApplicationMaster.

It travels in the container's credentials, which YARN gives to the container alone.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from yarnkernel.errors import CredentialsError

#: Names of secrets among the credentials.
_PREFIX = "yarnkernel."
_SETTINGS = f"{_PREFIX}master"
_CLIENTS = f"{_PREFIX}clients"
_CERTIFICATE = f"{_PREFIX}server.certificate"
_KEY = f"{_PREFIX}server.key"
_SPECIFICATION = f"{_PREFIX}specification"
FILES = f"{_PREFIX}files"
FURTHER = f"{_PREFIX}further"
#: Of a further container alone: its command.
COMMAND = f"{_PREFIX}command"


@dataclass(frozen=True)
class MasterLaunch:
    """How a recipe is its application's ApplicationMaster.

    Attributes
    ----------
    schedulers : list of tuple of str and int
        Where the ResourceManagers listen for ApplicationMasters.
    settings : dict of str to str
        What it needs of the cluster's site files.
    clients : bytes
        Certificate of the clients that it answers, PEM.
    specification : bytes
        What was submitted, skein's ApplicationSpec.
    certificate, key : bytes
        PEM; its own. Empty when it has to make them itself, as no key is to travel.
    submitted : float
        When, by the submitter's clock; seconds since 1970.
    further : bytes
        How a further container is started, a ContainerLaunchContextProto; empty when the submitter
        does not say.
    files : bytes
        What has travelled with it, see :mod:`~yarnkernel.store.packed_files`.
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
        """Write it as secrets of an application's credentials, but for what runs there."""
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
        """Read it again.

        Raises
        ------
        CredentialsError
            When it is not there or damaged.
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
    """Whether a secret is for the recipe alone."""
    return name.startswith(_PREFIX)
