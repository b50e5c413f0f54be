"""Checks of this Python, its packages, and the extras that some features need."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import TYPE_CHECKING

from yarnkernel.doctor.check import failed, ok, warning

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from yarnkernel.deadline import Deadline
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

DISTRIBUTION = "yarnkernel"
NOT_INSTALLED = "yarnkernel is not installed, so that nothing says what it requires"
INSTALL = "pip install it into this Python"
#: The purpose of each extra.
EXTRAS = {
    "local": "yarnkernel cluster start, demo",
    "pack": "env pack, env push, --environment PREFIX",
    "hdfs": "uploads to HDFS without a JVM",
}


def check_python(_subject: Subject, _deadline: Deadline) -> Check:
    """Check that yarnkernel supports this Python."""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  (slow to import)

    running = platform.python_version()
    found = f"{running}, {sys.executable}, {platform.platform()}"
    try:
        wanted = metadata(DISTRIBUTION)["Requires-Python"]
    except PackageNotFoundError:
        return warning(found, NOT_INSTALLED, INSTALL)
    if not SpecifierSet(wanted).contains(running, prereleases=True):
        todo = f"a virtual environment of Python {wanted} (uv venv, or conda create)"
        return failed(found, f"yarnkernel takes Python {wanted}", todo)
    return ok(found)


def check_packages(_subject: Subject, _deadline: Deadline) -> Check:
    """Check that all required packages are installed in suitable versions."""
    wrong = []
    try:
        found = {DISTRIBUTION: version(DISTRIBUTION)}
        wanted = _required()
    except PackageNotFoundError:
        return warning("its files alone", NOT_INSTALLED, INSTALL)
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        there = _version(requirement.name)
        if not there:
            wrong.append(f"{requirement.name} is missing")
        else:
            found[requirement.name] = there
            if not requirement.specifier.contains(there, prereleases=True):
                wrong.append(f"{requirement.name} {there} is not {requirement.specifier}")
    shown = ", ".join(f"{name} {there}" for name, there in found.items())
    if wrong:
        names = " ".join(f"'{one}'" for one in _named(wanted, wrong))
        return failed(shown, "; ".join(wrong), f"{sys.executable} -m pip install {names}")
    return ok(shown)


def check_extras(_subject: Subject, _deadline: Deadline) -> Check:
    """Check which features lack a package."""
    try:
        wanted = _required()
    except PackageNotFoundError:
        wanted = []
    found, lacking = [], []
    for extra, purpose in EXTRAS.items():
        names = [one for one in wanted if one.marker and one.marker.evaluate({"extra": extra})]
        names = [one for one in names if not (one.marker and one.marker.evaluate({"extra": ""}))]
        missing = [one.name for one in names if not _version(one.name)]
        if missing:
            lacking.append(f"{purpose}: no {', '.join(missing)} (extra {extra})")
        else:
            found.append(extra)
    shown = ", ".join(found) or "none"
    if lacking:
        extras = ",".join(extra for extra in EXTRAS if extra not in found)
        return warning(shown, "; ".join(lacking), f"pip install 'yarnkernel[{extras}]', if wanted")
    return ok(shown)


def _required() -> list[Requirement]:
    from packaging.requirements import Requirement  # noqa: PLC0415  (slow to import)

    return [Requirement(text) for text in requires(DISTRIBUTION) or ()]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _named(wanted: list[Requirement], wrong: list[str]) -> list[str]:
    names = {text.partition(" ")[0] for text in wrong}
    return [f"{one.name}{one.specifier}" for one in wanted if one.name in names]
