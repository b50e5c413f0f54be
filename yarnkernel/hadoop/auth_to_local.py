"""What a cluster calls who has a principal: the rules of ``hadoop.security.auth_to_local``.

As ``KerberosName`` of Hadoop 3.5.0 applies them; MIT Kerberos' setting of that name is alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnkernel.errors import HadoopConfigurationError

if TYPE_CHECKING:
    from yarnkernel.hadoop.configuration import Configuration

_SETTING = "hadoop.security.auth_to_local"
_RULE = re.compile(
    r"\s*(?:DEFAULT|RULE:\[(?P<parts>\d+):(?P<format>[^\]]*)\](?:\((?P<match>[^)]*)\))?"
    r"(?:s/(?P<old>[^/]*)/(?P<new>[^/]*)/(?P<all>g)?)?)/?(?P<lower>L)?"
)


def short_name(principal: str, default_realm: str, configuration: Configuration) -> str:
    """Translate a principal.

    Parameters
    ----------
    principal : str
        With its realm.
    default_realm : str
        Without a rule, names of this realm are called by their first part.
    configuration : Configuration
        Of the cluster.

    Raises
    ------
    HadoopConfigurationError
        When a rule cannot be read, or none fits.
    """
    rules = configuration.get(_SETTING) or "DEFAULT"
    where = f"{configuration.source}: {_SETTING}"
    name, _, realm = principal.partition("@")
    parts = [realm, *name.split("/")]
    position = 0
    while position < len(rules):
        rule = _RULE.match(rules, position)
        if rule is None:
            raise HadoopConfigurationError(f"{where} has no rule at {rules[position:]!r}")
        position = rule.end()
        try:
            found = _apply(rule, parts, default_realm)
        except (re.error, IndexError) as exc:
            raise HadoopConfigurationError(f"{where} has {rule[0].strip()!r}: {exc}") from exc
        if found is not None:
            if re.search("[/@]", found):
                break  # Hadoop takes no such name, and looks at no other rule
            return found.lower() if rule["lower"] else found
    raise HadoopConfigurationError(f"{where} has no name for {principal}: {rules}")


def _apply(rule: re.Match[str], parts: list[str], default_realm: str) -> str | None:
    if rule["format"] is None:
        return parts[1] if parts[0] == default_realm else None
    if len(parts) - 1 != int(rule["parts"]):
        return None
    base = re.sub(r"\$(\d+)", lambda number: parts[int(number[1])], rule["format"])
    if rule["match"] is not None and not re.fullmatch(rule["match"], base):
        return None
    if rule["old"] is None:
        return base
    new = rule["new"]
    return re.sub(
        rule["old"],
        # Java writes its groups as $1.
        lambda found: re.sub(r"\$(\d)", lambda number: found[int(number[1])] or "", new),
        base,
        count=0 if rule["all"] else 1,
    )
