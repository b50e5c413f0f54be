"""The local cluster: start, watch and stop a real YARN on this machine.

The use of a cluster does not belong here: the local one is used like any other.
"""
