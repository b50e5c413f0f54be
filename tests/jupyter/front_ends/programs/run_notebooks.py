"""Run notebooks at once with nbclient.

usage: run_notebooks.py threads|fork|spawn NOTEBOOK...

Each notebook is written back with its outputs.
"""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import nbformat
from nbclient import NotebookClient


def run(path: str) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, startup_timeout=120).execute()
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def pool(kind: str, workers: int) -> Executor:
    if kind == "threads":
        return ThreadPoolExecutor(workers)
    return ProcessPoolExecutor(workers, multiprocessing.get_context(kind))


def main() -> None:
    kind, *paths = sys.argv[1:]
    with pool(kind, len(paths)) as executor:
        list(executor.map(run, paths))


if __name__ == "__main__":
    main()
