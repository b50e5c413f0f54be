"""A class that only one side of a line knows."""


class Known:
    """Known here."""
