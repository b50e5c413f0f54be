"""Environments for containers: checked, packed, uploaded, chosen.

How the cluster's file systems are reached does not belong here, see :mod:`yarnkernel.cluster`.
"""
