"""Find the user's Hadoop cluster, and access its file systems.

Code for what runs on it does not belong here.
"""
