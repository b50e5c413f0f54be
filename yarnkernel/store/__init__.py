"""The clients' side of the key-value store of a kernel, with skein's contract.

It knows addresses and credentials, and not what kind of place a kernel runs at.
"""
