"""Finds an interface's carrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.kernels.interfaces import SCHEDULERS

if TYPE_CHECKING:
    from yarnkernel.jobs.carrier import Carrier


def carrier_of(interface: str) -> Carrier:
    """Return the carrier of an interface, which kernels of one process may share."""
    if interface in SCHEDULERS:
        from yarnkernel.jobs.batch import batch_carrier  # noqa: PLC0415  (of no use for others)

        return batch_carrier(interface)
    from yarnkernel.jobs.process import ProcessCarrier  # noqa: PLC0415

    return ProcessCarrier()
