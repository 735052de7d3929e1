"""Placeholder of the command."""


def up() -> None:
    """Not there yet."""
