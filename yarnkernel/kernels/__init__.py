"""What a client does with a kernel, wherever that runs.

The options of a start, the handle of a kernel, its control. How a place does these things does not
belong here, but into a wing of its own, such as :mod:`yarnkernel.yarn`.
"""
