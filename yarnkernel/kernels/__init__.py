"""Client code for kernels, wherever they run.

The options of a start, the handle of a kernel, its control. Code for one kind of place does not
belong here but in its own wing, such as :mod:`yarnkernel.yarn`.
"""
