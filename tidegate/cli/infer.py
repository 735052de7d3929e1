"""Placeholder of the command."""


def infer() -> None:
    """Not there yet."""
