"""`python -m tidegate.cli` is `tidegate`."""

from tidegate.cli import main

main()
