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


SETTING = "hadoop.security.auth_to_local"
KERBEROS = {"hadoop.security.authentication": "kerberos"}


def name(principal: str, rules: str, **settings: str) -> str:
    found = Configuration({SETTING: rules} | KERBEROS | settings, "here")
    return short_name(principal, lambda: "REALM", found)


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
    with pytest.raises(HadoopConfigurationError, match="no name for anna@ELSE"):
        name("anna@ELSE", "DEFAULT")
    assert name("anna", "DEFAULT") == "anna"
    with pytest.raises(HadoopConfigurationError, match="is no principal"):
        name("anna/a/b@REALM", "DEFAULT")


NO_RULE = ""


@pytest.mark.parametrize(
    ("rule", "principal", "expected"),
    [  # what KerberosName of Hadoop 3.5.0 answers, on Java 17
        (r"(.*@\QAD.CORP\E$)s/@\QAD.CORP\E$//", "anna@AD.CORP", "anna"),
        (r"(.*@\QAD.CORP\E$)s/@\QAD.CORP\E$//", "anna@ADxCORP", NO_RULE),
        (r"(\p{Alpha}+@AD)s/@.*//", "anna@AD", "anna"),
        (r"(.*@AD\z)s/@AD\z//", "anna@AD", "anna"),
        (r"([ac-z&&[^b]]+@AD)s/@.*//", "anna@AD", "anna"),
        (r"(.*@AD)s/(?<n>.*)@AD/${n}/", "anna@AD", "anna"),
        (r"(\w*@AD)s/@.*//", "annä@AD", NO_RULE),
        (r"(\w\d@AD)s/@.*//", "a٣@AD", NO_RULE),
        (r"(.*@AD)s/(.*)@AD/\$1/", "anna@AD", "$1"),
        (r"(.*@AD)s/@AD/\\x/", "anna@AD", "anna\\x"),
        (r"([^@]*+@AD)s/@.*//", "anna@AD", "anna"),
        (r"(.*@AD)s/(?i)@ad$//", "anna@AD", "anna"),
        (r"(.*@AD)s/(?>a+)(n+)a@AD/$12/", "anna@AD", "nn2"),
        (r"(.*@AD)s/([a-z])([a-z])\2\1@AD/$2$1/", "anna@AD", "na"),
        (r"(a\x6e\u006E\0141@AD)s/@.*//", "anna@AD", "anna"),
    ],
)
def test_expressions_of_java(rule: str, principal: str, expected: str) -> None:
    rules = f"RULE:[1:$1@$0]{rule}\nDEFAULT"
    if expected:
        assert name(principal, rules) == expected
    else:
        with pytest.raises(HadoopConfigurationError, match="no name for"):
            name(principal, rules)
    # Whom the rule is not about: it is not even read.
    assert name("anna/host@REALM", rules) == "anna"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (r"(\p{IsGreek}+@AD)", "is not known here"),
        (r"([^a&&[b]]+@AD)", "differs between versions"),
        (r"(a{,2}@AD)", "nothing to repeat"),
        (r"(\y@AD)", "is not known here"),
        (r"(.*)s/(?x)@ AD//", "is not known here"),
        (r"(.*)s/@/$1/", "there is no group 1"),
        (r"(.*)s/@/$/", "has no group"),
    ],
)
def test_expressions_that_are_refused(rule: str, said: str) -> None:
    """Better no name than another user's; others are not concerned."""
    rules = f"RULE:[1:$1@$0]{rule}\nDEFAULT"
    with pytest.raises(HadoopConfigurationError, match=said):
        name("anna@AD", rules)
    assert name("anna/host@REALM", rules) == "anna"


@pytest.mark.parametrize(
    ("rules", "principal", "expected"),
    [
        ("RULE:[1:$1@$0](.*@AD)", "anna@AD", "anna@AD"),
        ("RULE:[1:$1@$0](.*@AD)s/@.*//", "anna@OTHER", "anna@OTHER"),
        ("RULE:[2:$1/$2@$0](.*@AD)", "svc/h@AD", "svc/h@AD"),
        ("RULE:[1:$1@$0](.*@AD)s/@.*//", "anna@AD", "anna"),
    ],
)
def test_mechanism_of_mit(rules: str, principal: str, expected: str) -> None:
    """Any name will do, and who has none keeps the principal."""
    assert name(principal, rules, **{f"{SETTING}.mechanism": "MIT"}) == expected
    with pytest.raises(HadoopConfigurationError, match="mechanism is 'bogus', which is none of"):
        name(principal, rules, **{f"{SETTING}.mechanism": "bogus"})


def test_without_kerberos() -> None:
    """HADOOP_USER_NAME may have a realm or a host: HadoopKerberosName cuts them off."""
    simple = Configuration({}, "here")
    for principal in ("anna", "anna@campus.edu", "anna/host"):
        assert short_name(principal, str, simple) == "anna"


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
