"""Hosts: this machine, or one at the other end of the user's own ssh; commands, files, ports.

A host knows nothing of kernels: :mod:`yarnkernel.jobs` starts and ends them.
"""
