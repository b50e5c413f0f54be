"""Hadoop from Python: site files, RPC, Kerberos, tokens, HTTP, files, collected logs.

Nothing about kernels belongs here: it could be a separate package, and does not depend on the one
that contains it.
"""
