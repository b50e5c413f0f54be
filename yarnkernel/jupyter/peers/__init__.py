"""Kernelspecs of other tools, read as options of ours: one module for each tool.

Nothing here installs or starts anything.
"""
