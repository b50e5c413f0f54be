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
