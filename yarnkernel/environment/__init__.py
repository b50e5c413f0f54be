"""Checks, packs, uploads and chooses environments for containers.

Access to the cluster's file systems does not belong here, see :mod:`yarnkernel.cluster`.
"""
