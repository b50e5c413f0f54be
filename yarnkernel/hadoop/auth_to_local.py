"""Translate principals to user names by the rules of ``hadoop.security.auth_to_local``.

The rules work as in ``KerberosName`` of Hadoop 3.5.0; MIT Kerberos' setting of that name is
similar.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnkernel.errors import HadoopConfigurationError
from yarnkernel.hadoop.java_patterns import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnkernel.hadoop.configuration import Configuration

_SETTING = "hadoop.security.auth_to_local"
#: HadoopKerberosName's default rules: with Kerberos, and without.
_DEFAULT_RULES = {True: "DEFAULT", False: "RULE:[1:$1] RULE:[2:$1]"}
_HADOOP, _MIT = _MECHANISMS = ("hadoop", "mit")
_RULE = re.compile(
    r"\s*(?:DEFAULT|RULE:\[(?P<parts>\d+):(?P<format>[^\]]*)\](?:\((?P<match>[^)]*)\))?"
    r"(?:s/(?P<old>[^/]*)/(?P<new>[^/]*)/(?P<all>g)?)?)/?(?P<lower>L)?",
    re.ASCII,
)
_PRINCIPAL = re.compile(r"([^/@]+)(?:/([^/@]+))?(?:@([^/@]+))?")


def short_name(
    principal: str, default_realm: Callable[[], str], configuration: Configuration
) -> str:
    """Return a principal's user name.

    Parameters
    ----------
    principal : str
        With its realm; a name with neither realm nor host is returned unchanged.
    default_realm : callable
        Returns the realm whose principals are shortened to their first part by the rule
        ``DEFAULT``.
    configuration : Configuration
        Of the cluster.

    Raises
    ------
    HadoopConfigurationError
        When a rule is invalid, or none fits.
    """
    where = f"{configuration.source}: {_SETTING}"
    rules = configuration.get(_SETTING) or _DEFAULT_RULES[configuration.wants_kerberos]
    mechanism = configuration.get(f"{_SETTING}.mechanism").lower() or _HADOOP
    if mechanism not in _MECHANISMS:
        raise HadoopConfigurationError(
            f"{where}.mechanism is {mechanism!r}, which is none of {', '.join(_MECHANISMS)}"
        )
    named = _PRINCIPAL.fullmatch(principal)
    if named is None:
        raise HadoopConfigurationError(f"{principal!r} is no principal as Hadoop reads them")
    first, host, realm = named.groups()
    if host is None and realm is None:
        return first
    parts = [realm or "", first, *([] if host is None else [host])]
    found: str | None = None
    for rule in _rules(rules, where):
        try:
            found = _apply(rule, parts, default_realm)
        except (ValueError, IndexError) as exc:
            raise HadoopConfigurationError(f"{where} has {rule[0].strip()!r}: {exc}") from exc
        if found is not None:
            if mechanism == _HADOOP and re.search("[/@]", found):
                break  # Hadoop refuses such a name and tries no other rule
            return found.lower() if rule["lower"] else found
    if mechanism == _MIT and found is None:
        return principal
    raise HadoopConfigurationError(f"{where} has no name for {principal}: {rules}")


def _rules(rules: str, where: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(rules):
        rule = _RULE.match(rules, position)
        if rule is None:
            raise HadoopConfigurationError(f"{where} has no rule at {rules[position:]!r}")
        position = rule.end()
        yield rule


def _apply(rule: re.Match[str], parts: list[str], default_realm: Callable[[], str]) -> str | None:
    if rule["format"] is None:
        return parts[1] if parts[0] == default_realm() else None
    if len(parts) - 1 != int(rule["parts"]):
        return None
    base = re.sub(r"\$(\d*)", lambda number: parts[int(number[1])], rule["format"], flags=re.ASCII)
    if rule["match"] is not None and not translate(rule["match"]).pattern.fullmatch(base):
        return None
    if rule["old"] is None:
        return base
    return translate(rule["old"]).replace(base, rule["new"], every=bool(rule["all"]))
