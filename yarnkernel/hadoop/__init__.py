"""Hadoop spoken from Python, without a JVM.

Knows nothing of kernels and nothing of skein.
"""
