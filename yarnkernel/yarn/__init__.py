"""Kernels on YARN: applications, their specifications, the ways to submit them, their logs.

Code for Hadoop clusters in general belongs in :mod:`yarnkernel.hadoop`.
"""
