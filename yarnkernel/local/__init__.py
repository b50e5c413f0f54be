"""A real YARN on one machine: ResourceManager and NodeManagers, one process each.

Knows nothing of kernels and imports nothing of the package but its errors.
"""
