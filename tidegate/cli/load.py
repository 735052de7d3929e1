"""Placeholder of the command."""


def load() -> None:
    """Not there yet."""
