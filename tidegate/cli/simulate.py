"""Placeholder of the command."""


def simulate() -> None:
    """Not there yet."""
