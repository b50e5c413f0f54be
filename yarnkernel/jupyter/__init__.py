"""Ways in for front ends of Jupyter: provisioner, launcher, kernelspecs.

What a front end needs stands here; what any client asks of a kernel does not, see :mod:`.kernels`.
"""
