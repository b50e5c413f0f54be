"""The other places' schedulers: what Slurm, Grid Engine and PBS are asked, and what they answer.

Where their commands run does not belong here: that is a host's business.
"""
