"""The client side of a kernel's key-value store, with skein's interface.

It deals with addresses and credentials, not with the kind of place where a kernel runs.
"""
