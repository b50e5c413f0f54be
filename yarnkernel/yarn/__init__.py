"""Kernels on YARN: applications, their specifications, the ways to submit them, their logs.

Code for Hadoop in general does not belong here but in :mod:`yarnkernel.hadoop`.
"""
