"""Checks whether kernels can start here, and what keeps them from it: a module for each subject.

A check asks, and says in a :class:`~yarnkernel.doctor.check.Check` what it found. Nothing here
changes anything, starts a kernel or prints; who shows checks does not stand here.
"""
