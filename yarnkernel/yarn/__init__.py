"""The place YARN: applications, their specifications, the ways to submit them, their logs.

What is asked of any Hadoop cluster does not belong here, see :mod:`yarnkernel.hadoop`.
"""
