"""Kerberos, against a KDC, a ResourceManager and a NameNode that want it."""
