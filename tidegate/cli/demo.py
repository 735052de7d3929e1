"""Placeholder of the command."""


def demo() -> None:
    """Not there yet."""
