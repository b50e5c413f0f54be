"""What runs beside the kernel: its supervisor, with ``recipe`` as its entry.

Code of the client's side does not belong here and must not be imported.
"""
