"""Placeholder of the command."""


def status() -> None:
    """Not there yet."""
