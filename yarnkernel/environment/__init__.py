"""Checks, packs, uploads and chooses environments for containers.

For access to the cluster's file systems see :mod:`yarnkernel.cluster`.
"""
