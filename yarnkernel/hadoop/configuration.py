"""A cluster's settings, interpreted as in Hadoop.

The rules are those of ``org.apache.hadoop.conf.Configuration`` (Hadoop 3.5.0): old names, variables
and their limits. Hadoop's own defaults are in its jars; callers pass the default with each request.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import HadoopConfigurationError
from yarnkernel.hadoop.user import account

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnkernel.hadoop.edge import Edge

#: Configuration.MAX_SUBST.
MAX_SUBSTITUTIONS = 20
#: Configuration.findSubVariable: no brace, dollar or space inside.
_VARIABLE = re.compile(r"\$\{([^}$ ]+)\}")
#: Old names that are still in use (Configuration.DeprecationDelta).
_DEPRECATED = {"fs.defaultFS": "fs.default.name"}


class Configuration:
    """Settings of one cluster.

    Parameters
    ----------
    settings : mapping of str to str
        As in the site files, with variables not yet replaced.
    source : str
        Origin of the settings, for messages.
    environment : mapping of str to str, optional
        Environment variables of processes that talk to the cluster; by default those of this
        process.
    read_beside : callable, optional
        Reads the settings of another file in the same directory, by its name; empty if it does not
        exist.
    edge : Edge, optional
        The machine through which the cluster is reached; by default it is reached directly.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        source: str,
        environment: Mapping[str, str] | None = None,
        read_beside: Callable[[str], Mapping[str, str]] | None = None,
        edge: Edge | None = None,
    ) -> None:
        self.settings = dict(settings)
        self.source = source
        self.environment = os.environ if environment is None else environment
        self.edge = edge
        self._read_beside = read_beside
        name, home = account()
        self._properties = {  # those of Java's system properties that site files use
            "user.name": name,
            "user.home": home,
            "user.dir": str(Path.cwd()),
            "java.io.tmpdir": "/tmp",  # noqa: S108  (Java's default)
        }

    def get(self, name: str, default: str = "") -> str:
        """Return a setting with its variables replaced and surrounding blanks removed.

        Parameters
        ----------
        name : str
            Its name.
        default : str, optional
            Its value if no file sets it.

        Raises
        ------
        HadoopConfigurationError
            When more than 20 variables have to be replaced.
        """
        value = self.settings.get(name)
        if value is None and name in _DEPRECATED:
            value = self.settings.get(_DEPRECATED[name])
        return self._substitute(name, default if value is None else value).strip()

    def get_int(self, name: str, default: int) -> int:
        """Return a setting as a whole number; ``0x`` marks a hexadecimal one.

        Raises
        ------
        HadoopConfigurationError
            When it is not one.
        """
        text = self.get(name)
        try:
            is_hexadecimal = text.lower().lstrip("-").startswith("0x")
            return int(text, 16 if is_hexadecimal else 10) if text else default
        except ValueError:
            raise HadoopConfigurationError(
                f"{self.source}: {name} is {text!r}, not a whole number"
            ) from None

    def get_bool(self, name: str, *, default: bool) -> bool:
        """Return a setting as a bool; the default if it is neither ``true`` nor ``false``."""
        return {"true": True, "false": False}.get(self.get(name).lower(), default)

    def get_list(self, name: str) -> list[str]:
        """Return the nonempty parts of a comma-separated setting."""
        return [part.strip() for part in self.get(name).split(",") if part.strip()]

    def side_file(self, name: str) -> Configuration:
        """Read another file next to the site files; empty if it does not exist."""
        settings = self._read_beside(name) if self._read_beside is not None else {}
        return Configuration(settings, name, self.environment)

    @property
    def wants_kerberos(self) -> bool:
        """Whether users have to prove who they are."""
        return self.get("hadoop.security.authentication", "simple").lower() != "simple"

    def _substitute(self, name: str, value: str) -> str:
        text = value
        for _ in range(MAX_SUBSTITUTIONS):
            found = _VARIABLE.search(text)
            replacement = self._variable(found[1]) if found else None
            if found is None or replacement is None:
                return text  # an unknown variable stops the replacement
            if found[0] in replacement:
                return value  # it refers to itself
            text = text[: found.start()] + replacement + text[found.end() :]
        raise HadoopConfigurationError(
            f"{self.source}: {name} needs more than {MAX_SUBSTITUTIONS} variables replaced: {value}"
        )

    def _variable(self, name: str) -> str | None:
        if name.startswith("env.") and name != "env.":
            return self._environment_variable(name.removeprefix("env."))
        return self._properties.get(name, self.settings.get(name))

    def _environment_variable(self, expression: str) -> str | None:
        """Expand ``X``, ``X:-default`` (if unset or empty) or ``X-default`` (if unset)."""
        found = re.match(r"(.*?)(:?-)(.*)", expression, re.DOTALL)
        if found is None:
            return self.environment.get(expression)
        name, operator, default = found.groups()
        value = self.environment.get(name)
        return default if value is None or (operator == ":-" and not value) else value
