"""Support for Jupyter front ends: the provisioner, the launcher and kernelspecs.

Only what front ends need is here; for what any client can ask of a kernel see :mod:`.kernels`.
"""
