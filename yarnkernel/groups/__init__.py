"""Several kernels at once: runs code on all of them, and transfers values in both directions.

It does not need IPython. For how code is entered and shown in a notebook see
:mod:`yarnkernel.magics`.
"""
