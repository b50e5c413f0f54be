"""Reads other tools' kernelspecs as options of yarnkernel: one module for each tool.

Nothing here installs or starts anything.
"""
