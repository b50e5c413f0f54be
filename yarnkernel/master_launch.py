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
_CERTIFICATE = f"{_PREFIX}certificate"
_KEY = f"{_PREFIX}key"
_SPECIFICATION = f"{_PREFIX}specification"
FILES = f"{_PREFIX}files"


@dataclass(frozen=True)
class MasterLaunch:
    """How a recipe is its application's ApplicationMaster.

    Attributes
    ----------
    schedulers : list of tuple of str and int
        Where the ResourceManagers listen for ApplicationMasters.
    settings : dict of str to str
        What it needs of the cluster's site files.
    certificate, key : bytes
        PEM; of the server, and of the clients that it answers.
    specification : bytes
        What was submitted, skein's ApplicationSpec.
    submitted : float
        When, by the submitter's clock; seconds since 1970.
    """

    schedulers: list[tuple[str, int]]
    settings: dict[str, str]
    certificate: bytes
    key: bytes = field(repr=False)
    specification: bytes = field(repr=False)
    submitted: float = field(default_factory=time.time)

    def to_secrets(self) -> dict[str, bytes]:
        """Write it as secrets of an application's credentials."""
        document = {
            "schedulers": self.schedulers,
            "settings": self.settings,
            "submitted": self.submitted,
        }
        return {
            _SETTINGS: json.dumps(document).encode(),
            _CERTIFICATE: self.certificate,
            _KEY: self.key,
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
                certificate=secrets[_CERTIFICATE],
                key=secrets[_KEY],
                specification=secrets[_SPECIFICATION],
                submitted=float(document["submitted"]),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise CredentialsError(
                f"they do not say how to be an ApplicationMaster: {exc}"
            ) from exc


def is_ours(name: str) -> bool:
    """Whether a secret is for the recipe alone."""
    return name.startswith(_PREFIX)
