"""Where a ticket should be and is not: which cache it is, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnkernel.deadline import Deadline
from yarnkernel.errors import AuthenticationError
from yarnkernel.hadoop.gssapi import own_principal
from yarnkernel.hadoop.tickets import Tickets

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "next: export KRB5CCNAME=FILE:/tmp/krb5cc_"
KINIT = "next: kinit, or set KRB5KEYTAB"


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("KCM:", f"cannot be used; {PLAIN}"),
        ("BOGUS:x", f"cannot be used; {PLAIN}"),
        ("FILE:{}/noise", f"cannot be used; {PLAIN}"),
        ("FILE:{}/empty", f"cannot be used; {PLAIN}"),
        ("FILE:{}", f"cannot be used; {PLAIN}"),
        ("FILE:{}/none", KINIT),
        ("DIR:{}/none", KINIT),
        ("MEMORY:nothing", KINIT),
    ],
)
def test_cache(tmp_path: Path, cache: str, said: str) -> None:
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    (tmp_path / "empty").touch()
    name = cache.format(tmp_path)
    with pytest.raises(AuthenticationError) as caught:
        own_principal(Tickets({"KRB5CCNAME": name}), Deadline(10))
    if "MIT's library" in str(caught.value):
        pytest.skip(str(caught.value))
    assert f"{name} (KRB5CCNAME)" in str(caught.value)
    assert said in str(caught.value)
