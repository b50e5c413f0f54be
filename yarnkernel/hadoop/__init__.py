"""Hadoop from Python: site files, RPC, Kerberos, tokens, HTTP, files, collected logs.

Nothing of kernels belongs here; it could be a package of its own, and does
not know that it is in this one.
"""
