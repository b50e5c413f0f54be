"""Checks of our login on the cluster: name, ticket, keytab, tokens and their lifetimes."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from yarnkernel.doctor.check import failed, failure, ok, split_next, warning
from yarnkernel.errors import AuthenticationError, ClusterError
from yarnkernel.hadoop.credentials import expiry_of, owner_of
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.own_tokens import own_tokens
from yarnkernel.hadoop.user import proxied_user, user_name

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.credentials import Token

#: Least seconds that a ticket should be valid for a start.
SHORT_LIFE = 600.0
_ACTING = "without --user and HADOOP_PROXY_USER; or ask for hadoop.proxyuser.YOU.users and .hosts"
_RENEW = "kinit (or kinit -R, where the ticket is renewable)"


def check_login(subject: Subject, deadline: Deadline) -> Check:
    """Check that the cluster accepts our login, and for how long."""
    configuration = subject.configuration
    if configuration.wants_kerberos:
        try:
            found, left = _kerberos(configuration, deadline)
        except AuthenticationError as exc:
            return failure(exc, "Kerberos")
    else:
        found, left = f"simple: {user_name(configuration.environment)}, whom YARN believes", None
    if proxied := proxied_user(configuration.environment):
        found += f"; acting for {proxied} (HADOOP_PROXY_USER)"
    try:
        with subject.client() as client:
            client.check(deadline.step(deadline.seconds))
        name = name_in_cluster(configuration)
    except ClusterError as exc:
        why, todo = split_next(str(exc))
        refused = isinstance(exc, AuthenticationError) or "authorized" in why
        todo = todo or (_ACTING if proxied else _RENEW if refused else "")
        return failed(found, why, todo)
    found += f"; let in as {name}"
    if left is not None and left < SHORT_LIFE:
        return warning(found, "it is over soon", _RENEW)
    return ok(found)


def _kerberos(configuration: Configuration, deadline: Deadline) -> tuple[str, float | None]:
    """Return what we log in with, and for how many seconds it is valid; None if unknown."""
    from yarnkernel.hadoop.gssapi import own_lifetime, own_principal, tickets_of  # noqa: PLC0415

    tokens = own_tokens(configuration).values()
    told = [_token(token) for token in tokens]
    moments = [expiry_of(token) for token in tokens]
    left = min((moment - time.time() for moment in moments if moment), default=None)
    tickets = tickets_of(configuration)
    try:
        principal = own_principal(tickets, deadline)
        seconds = own_lifetime(tickets, deadline)
    except AuthenticationError:
        if not told:
            raise
        return f"Kerberos, by tokens alone: {'; '.join(told)}", left
    keytab = configuration.environment.get("KRB5KEYTAB", "")
    source = f"keytab {keytab}, which gets new tickets" if keytab else _cache(configuration)
    ticket = f"Kerberos: {principal}, a ticket {_until(time.time() + seconds)} ({source})"
    return "; ".join([ticket, *told]), None if keytab else float(seconds)


def _cache(configuration: Configuration) -> str:
    return configuration.environment.get("KRB5CCNAME") or "the default cache"


def _token(token: Token) -> str:
    moment = expiry_of(token)
    return f"{token.kind} of {owner_of(token)}{f' {_until(moment)} at most' if moment else ''}"


def _until(moment: float) -> str:
    left = max(0.0, moment - time.time())
    when = datetime.fromtimestamp(moment, timezone.utc).astimezone()
    return f"until {when:%Y-%m-%d %H:%M} ({left / 3600:.1f} h)"
