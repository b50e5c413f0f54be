"""Support for Jupyter front ends: the provisioner, the launcher and kernelspecs.

Operations that any client needs do not belong here, see :mod:`yarnkernel.kernels`.
"""
