"""Kernels outside YARN: processes of a host, or jobs of Slurm, Grid Engine and PBS.

Running commands on a host does not belong here, see :mod:`yarnkernel.hosts`.
"""
