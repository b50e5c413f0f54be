"""Several kernels at once: code that all of them run, values that travel either way.

It needs no IPython; how that is typed and shown in a notebook does not belong here, see
:mod:`yarnkernel.magics`.
"""
