"""Placeholder of the commands."""


def router() -> None:
    """Not there yet."""


def model_server() -> None:
    """Not there yet."""


def forecaster() -> None:
    """Not there yet."""


def scaler() -> None:
    """Not there yet."""
