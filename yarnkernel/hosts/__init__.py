"""Hosts: here, or at the other end of the user's own ssh; commands, files and ports there.

A host does not know of kernels: who starts and ends them is in :mod:`yarnkernel.jobs`.
"""
