"""Checks whether kernels can start here and what prevents it; a module for each subject.

A check returns its findings as a :class:`~yarnkernel.doctor.check.Check`. Nothing here changes
anything, starts a kernel or prints.
"""
