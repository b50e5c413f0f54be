"""Which cells want a session: those that read a name which nobody has made."""

from __future__ import annotations

import ast

import pytest

from yarnkernel.spark.names import FirstReads, NoSparkError

WANTED = {
    "spark.range(3)": True,
    "def count():\n    return sc.parallelize([1]).count()": True,
    "spark = make(spark)": False,
    "from helpers import spark\nspark.range(3)": False,
    "import pyspark as sc\nsc.version": False,
    "count = lambda spark: spark.range(3)": False,
    "count = lambda spark: spark.range(3)\ncount(spark)": True,
    "def count(sc):\n    return sc.count()\ncount(sc)": True,
    "def spark():\n    return 1\nspark()": False,
    "class sc:\n    pass\nsc()": False,
    "try:\n    pass\nexcept OSError as sc:\n    print(sc)": False,
    "match 1:\n    case spark:\n        print(spark)": False,
    "[sc for sc in range(3)]": False,
    "show(sc=1)": False,
    "show(sc=sc)": True,
    "def f():\n    sc = 1\n    return sc\nf()": False,
    "await spark": True,
    "'spark'": False,
    "sparks": False,
}


@pytest.mark.parametrize("cell", WANTED)
def test_first_reads(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no Spark, who wants it is told so in a line; the cell does not run."""
    monkeypatch.setenv("YARNKERNEL_NO_SPARK", "there is none")
    names = FirstReads({})
    tree = ast.parse(cell)
    if WANTED[cell]:
        with pytest.raises(NoSparkError) as caught:
            names.visit(tree)
        assert caught.value._render_traceback_() == ["yarnkernel: there is none"]
    else:
        assert names.visit(tree) is tree
    assert FirstReads({"spark": 1, "sc": 2}).visit(tree) is tree, "the user's own"
