"""Fetch the jars of the local cluster's lock: `fetch_jars.py DIRECTORY`."""

import shutil
import sys

from yarnkernel.local.artefacts import fetch_artefacts
from yarnkernel.local.options import HADOOP_VERSIONS


class Silent:
    """What is told while they are fetched."""

    def start(self, total: int) -> None:
        """Tell nothing."""

    def advance(self, size: int) -> None:
        """Tell nothing."""


jars = fetch_artefacts(f"hadoop-{HADOOP_VERSIONS[0]}", Silent())
# Without their rights: what was downloaded is its owner's alone.
shutil.copytree(jars, sys.argv[1], copy_function=shutil.copyfile)
