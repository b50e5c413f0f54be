"""Hosts: this machine, or one at the other end of the user's own ssh; commands, files, ports.

Nothing about kernels belongs here: :mod:`yarnkernel.jobs` starts and ends them.
"""
