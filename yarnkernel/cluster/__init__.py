"""Which Hadoop cluster is the user's, and its file systems.

What runs on it does not belong here.
"""
