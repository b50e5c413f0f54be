"""What runs beside the kernel: its supervisor, with ``recipe`` as its entry.

Nothing of a client's side belongs here, and it may not be imported.
"""
