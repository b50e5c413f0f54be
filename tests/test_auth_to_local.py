"""Names by rules; the examples are those of Hadoop's documentation ("Hadoop in Secure Mode")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.errors import HadoopConfigurationError
from yarnkernel.hadoop.auth_to_local import short_name
from yarnkernel.hadoop.configuration import Configuration

RULES = """
RULE:[2:$1/$2@$0]([ndj]n/.*@REALM.\\TLD)s/.*/hdfs/
RULE:[2:$1/$2@$0]([rn]m/.*@REALM.\\TLD)s/.*/yarn/
RULE:[1:$1@$0](.*@OTHER)s/@.*///L
RULE:[2:$1;$2](^.*;admin$)s/;admin$//
RULE:[1:$1@$0](x-.*@DOTS)s/(x)-(.*)@DOTS/$2-$1/
RULE:[1:$1](a.b.c)s/\\./_/g
DEFAULT
""".replace("\\TLD", "TLD")


def name(principal: str, rules: str) -> str:
    configuration = Configuration({"hadoop.security.auth_to_local": rules}, "here")
    return short_name(principal, "REALM", configuration)


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("nn/host@REALM.TLD", "hdfs"),
        ("rm/host@REALM.TLD", "yarn"),
        ("Anna@OTHER", "anna"),
        ("anna/admin@ANY.WHERE", "anna"),
        ("x-ray@DOTS", "ray-x"),
        ("a.b.c@REALM", "a_b_c"),
        ("anna@REALM", "anna"),
        ("anna/host@REALM", "anna"),
    ],
)
def test_rules(principal: str, expected: str) -> None:
    assert name(principal, RULES) == expected


def test_default_alone() -> None:
    assert name("anna/host@REALM", "") == "anna"
    for principal in ("anna@ELSE", "anna"):
        with pytest.raises(HadoopConfigurationError, match=f"no name for {principal}"):
            name(principal, "DEFAULT")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("RULE:[1:$1", "no rule at"),
        ("RULE:[1:$1](*)", "nothing to repeat"),
        ("RULE:[1:$7]", "index out of range"),
        ("RULE:[1:$1@$0]", "no name for anna@REALM"),
        ("NONE", "no rule at 'NONE'"),
    ],
)
def test_unusable_rules(rules: str, said: str) -> None:
    with pytest.raises(HadoopConfigurationError, match=said):
        name("anna@REALM", rules)


@given(st.text(alphabet="RULE:[]()s/gL$@12 .*aDEFAULT\n\\"), st.text(alphabet="ab/@$."))
def test_any_rules(rules: str, principal: str) -> None:
    """There is a plain name, or one line says why there is none."""
    try:
        found = name(principal, rules)
    except HadoopConfigurationError:
        return
    assert not set("/@") & set(found)
