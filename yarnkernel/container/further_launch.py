"""What runs in a further container: the kernel's request, and YARN's launch context for it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

from yarnkernel.container_status import NUMBER_VARIABLE, check_size
from yarnkernel.errors import CredentialsError, UsageError
from yarnkernel.hadoop.credentials import AMRM_TOKEN, Credentials
from yarnkernel.hadoop.messages import message_class
from yarnkernel.kinds import fits
from yarnkernel.shell import is_variable_name
from yarnkernel.store.master_launch import COMMAND, FILES
from yarnkernel.store.packed_files import without

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from yarnkernel.hadoop.credentials import Token
    from yarnkernel.store.master_launch import MasterLaunch

#: Variables that tell a container its resources; skein's names.
_MEMORY, _VCORES = "SKEIN_RESOURCE_MEMORY", "SKEIN_RESOURCE_VCORES"
_GPUS = "yarn.io/gpu"


class _Document(TypedDict):
    command: list[str]
    env: dict[str, str]
    files: dict[str, str]
    memory: int
    vcores: int
    gpus: int


@dataclass(frozen=True)
class FurtherLaunch:
    """A kernel's request for further containers.

    Attributes
    ----------
    command : tuple of str
        The command to run.
    env : dict of str to str
        Variables in addition to those of the kernel's container.
    files : dict of str to bytes
        Files in addition to those of the kernel's container, by name; only their owner can read
        them.
    memory : int
        MiB.
    vcores, gpus : int
        How many.
    """

    command: tuple[str, ...]
    env: dict[str, str]
    files: dict[str, bytes]
    memory: int
    vcores: int
    gpus: int

    @classmethod
    def of(cls, document: Any) -> FurtherLaunch:
        """Read a kernel's request.

        Raises
        ------
        UsageError
            When it is invalid.
        """
        if not fits(document, _Document) or not document["command"]:
            raise UsageError("containers need a command, env, files, memory, vcores and gpus")
        for name in document["env"]:
            if not is_variable_name(name):
                raise UsageError(f"env: {name!r} cannot name a variable")
        for name in document["files"]:
            if not is_file_name(name):
                raise UsageError(f"files: {name!r} is no name of a file in the container")
        if min(document["memory"], document["vcores"]) < 1 or document["gpus"] < 0:
            raise UsageError("containers need 1 MiB and 1 vcore at least, and 0 gpus")
        check_size(document)
        try:
            files = {k: base64.b64decode(v, validate=True) for k, v in document["files"].items()}
        except ValueError:
            raise UsageError("files: what is in them has to be in base64") from None
        sizes = {name: document[name] for name in ("memory", "vcores", "gpus")}
        return cls(tuple(document["command"]), document["env"], files, **sizes)

    def check(self, most: Any, queue: str) -> None:
        """Refuse what YARN never grants.

        Parameters
        ----------
        most : ResourceProto
            The largest container, from the ResourceManager; empty if it has not told.
        queue : str
            The application's.

        Raises
        ------
        UsageError
            When it can never fit.
        """
        gpus = {one.key: one.value for one in most.resource_value_map}.get(_GPUS, 0)
        for name, unit, wanted, largest in (
            ("memory", " MiB", self.memory, most.memory),
            ("vcores", "", self.vcores, most.virtual_cores),
            ("gpus", "", self.gpus, gpus),
        ):
            if most.memory and wanted > largest:
                raise UsageError(
                    f"{name}: {wanted}{unit} is more than the {largest}{unit} that YARN gives a "
                    f"container in the queue {queue}"
                )

    @property
    def resource(self) -> dict[str, Any]:
        """The fields of a ResourceProto."""
        gpus = [{"key": _GPUS, "value": self.gpus, "type": "COUNTABLE"}] * bool(self.gpus)
        return {
            "memory": self.memory,
            "virtual_cores": self.vcores,
            "resource_value_map": gpus,
        }

    def to_secret(self) -> bytes:
        """Encode what its container needs to know."""
        files = {name: base64.b64encode(content).decode() for name, content in self.files.items()}
        document = {"command": self.command, "env": self.env, "files": files}
        return json.dumps(document).encode()


def is_file_name(name: str) -> bool:
    """Return whether a file in a container's directory may have this name."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def read_secret(secrets: dict[str, bytes]) -> tuple[list[str], dict[str, str], dict[str, bytes]]:
    """Return a further container's command, variables and files.

    Raises
    ------
    CredentialsError
        When they are missing or damaged.
    """
    try:
        document = json.loads(secrets[COMMAND])
        files = {name: base64.b64decode(text) for name, text in document["files"].items()}
        return list(document["command"]), dict(document["env"]), files
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise CredentialsError(f"this container's credentials name no command: {exc!r}") from None


class FurtherContexts:
    """Makes the launch contexts of further containers, modelled on their kernel's.

    Parameters
    ----------
    launch : MasterLaunch
        What the submitter has sent.
    token_file : pathlib.Path or None
        The kernel's own tokens.
    withheld : collection of str
        Names of files that only the kernel gets.
    """

    def __init__(
        self, launch: MasterLaunch, token_file: Path | None, withheld: Collection[str]
    ) -> None:
        context = message_class("hadoop.yarn.ContainerLaunchContextProto")
        self._context = context.FromString(launch.further)
        kept = [one for one in self._context.localResources if one.key not in withheld]
        del self._context.localResources[:]
        self._context.localResources.extend(kept)
        self._of_kernel, self._withheld = launch.files, withheld
        self._token_file = token_file

    @cached_property
    def _files(self) -> bytes:
        """The files of each container; packed on first use, as most kernels never ask for one."""
        return without(self._of_kernel, self._withheld) if self._of_kernel else b""

    def of(self, number: int, wanted: FurtherLaunch) -> Any:
        """Return the ContainerLaunchContextProto of a container.

        Raises
        ------
        CredentialsError
            When the submitter has sent no launch context, or the kernel's tokens cannot be read.
        """
        if not self._context.command:
            raise CredentialsError(
                "the yarnkernel that has started this kernel is older than its own, and has not "
                "said how; next: pip install --upgrade yarnkernel where kernels are started"
            )
        own = {
            NUMBER_VARIABLE: str(number),
            _MEMORY: str(wanted.memory),
            _VCORES: str(wanted.vcores),
        }
        context = message_class("hadoop.yarn.ContainerLaunchContextProto")()
        context.CopyFrom(self._context)
        others = [one for one in context.environment if one.key not in own]
        del context.environment[:]
        context.environment.extend(others)
        for name, value in own.items():
            context.environment.add(key=name, value=value)
        secrets = {FILES: self._files, COMMAND: wanted.to_secret()}
        context.tokens = Credentials(self._tokens(), secrets).to_bytes()
        return context

    def _tokens(self) -> dict[str, Token]:
        """The kernel's current tokens, without that of the ApplicationMaster."""
        found = Credentials() if self._token_file is None else Credentials.read(self._token_file)
        return {alias: one for alias, one in found.tokens.items() if one.kind != AMRM_TOKEN}
