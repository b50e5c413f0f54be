"""The face of :mod:`yarnkernel.groups` in IPython: ``%load_ext yarnkernel``, ``%%remote``.

How a command is read and how outputs are shown. What code on several kernels does without IPython
does not belong here.
"""
