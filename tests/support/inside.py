"""What a kernel does with its cluster's files and applications, as docs/data.rst has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.kernels import Kernel

#: Each prints what is beside it.
DATA = [
    ("import fsspec, pandas, pyarrow.parquet, hdfs_native; fs = fsspec.filesystem('hdfs')", ""),
    ("table = pandas.DataFrame({'a': [20, 22]})", ""),
    ("table.to_csv('hdfs:///user/{user}/table.csv', index=False)", ""),
    ("print(pandas.read_csv('hdfs:///user/{user}/table.csv').a.sum())", "42"),
    ("table.to_parquet('/user/{user}/table.parquet', filesystem=fs)", ""),
    ("print(pandas.read_parquet('/user/{user}/table.parquet', filesystem=fs).a.sum())", "42"),
    ("print(len(pyarrow.parquet.read_table('/user/{user}/table.parquet', filesystem=fs)))", "2"),
    ("print(fs.open('/user/{user}/table.csv').read()[:1])", "b'a'"),
    ("client = hdfs_native.Client(); _ = client.delete('/user/{user}/table.csv')", ""),
    ("print(*[one.path for one in client.list_status('/user/{user}') if 'table' in one.path])",
     "/user/{user}/table.parquet"),
    ("said = !hdfs dfs -ls /user/{user}/table.parquet\nprint(said[-1].split()[-1])",
     "/user/{user}/table.parquet"),
    ("said = !yarn application -list\nprint('{app_id}' in said.s)", "True"),
    ("said = !yarnkernel list --ids\nprint(*said)", "{app_id}"),
    ("said = !yarnkernel status {app_id}\nprint('RUNNING' in said.s)", "True"),
    ("said = !yarnkernel env list --json\nprint('[' in said.s)", "True"),
    ("said = !yarnkernel stop --all --dry-run\nprint('{app_id}' in said.s)", "True"),
]  # fmt: skip


def check_inside(kernel: Kernel, app_id: str, user: str) -> None:
    """Check what the page says."""
    for pair in DATA:
        code, shown = (text.replace("{user}", user).replace("{app_id}", app_id) for text in pair)
        assert kernel.run(code).strip() == shown, code
