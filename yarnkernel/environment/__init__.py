"""Environments for containers: what a prefix holds, its archive, its place on the cluster."""
