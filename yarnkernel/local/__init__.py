"""The local cluster: a real YARN on this machine, started, watched and ended.

What is done with a cluster does not belong here: it is one like any other.
"""
