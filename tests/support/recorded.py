"""Texts that are kept in the repository and must stay what the code makes of them."""

import os
from pathlib import Path


def assert_recorded(path: Path, text: str) -> None:
    """Fails when the file differs from the text; with TIDEGATE_REWRITE set, writes it first."""
    if os.environ.get("TIDEGATE_REWRITE"):
        path.write_text(text)
    recorded = path.read_text()
    assert recorded == text, f"{path.name} is not what the code makes: TIDEGATE_REWRITE=1 pytest writes it anew"
