"""IPython's interface to :mod:`yarnkernel.groups`: ``%load_ext yarnkernel``, ``%%remote``.

It reads commands and shows outputs. Code that works without IPython does not belong here.
"""
