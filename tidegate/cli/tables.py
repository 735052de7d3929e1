"""Rows of cells for a terminal of any width, and for a pipe: no word is ever cut in two."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = 2
INDENT = 4
LEAST_WORDS = 24
"""Columns of the terminal that a column of words is given at least, or the table is none."""
UNBOUNDED = 100_000
"""Width for a pipe, whose reader wants a row in one line."""


def stdout_console() -> Console:
    """A console on stdout: as wide as the terminal, or as COLUMNS says; a pipe is as wide as it takes."""
    bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if bounded else UNBOUNDED)


class Rows:
    """A table where the terminal is wide enough, else a paragraph for each row, as psql's `\\x auto` does it.

    The first `keys` columns name a row, and head its paragraph. With `words` the last column is prose, which may wrap.
    A cell `-` says that there is nothing to say: paragraphs leave it out.
    """

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, keys: int = 1, words: bool = False
    ) -> None:
        self._columns = columns
        self._rows = list(rows)
        self._keys = keys
        self._words = words

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich's console protocol."""
        if self._width() <= options.max_width:
            yield self._table()
        else:
            for row in self._rows:
                yield Text("  ".join(row[: self._keys]), style="bold")
                lines = _packed(self._pairs(row), options.max_width - INDENT)
                yield Padding(Text("\n".join(lines)), (0, 0, 0, INDENT), expand=False)

    def _width(self) -> int:
        widths = [max(map(cell_len, cells)) for cells in zip(self._columns, *self._rows, strict=True)]
        if self._words:
            widths[-1] = min(widths[-1], LEAST_WORDS)
        return sum(widths) + GAP * (len(widths) - 1)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for column in self._columns:
            table.add_column(column, no_wrap=not (self._words and column == self._columns[-1]))
        for row in self._rows:
            table.add_row(*map(Text, row))
        return table

    def _pairs(self, row: Sequence[str]) -> Iterator[str]:
        for column, cell in zip(self._columns[self._keys :], row[self._keys :], strict=True):
            if cell != "-":
                yield f"{column} {cell}"


def _packed(pieces: Iterable[str], width: int) -> list[str]:
    """As many pieces in a line as fit; one that fits in none has a line of its own, which wraps."""
    lines: list[str] = []
    for piece in pieces:
        if lines and cell_len(f"{lines[-1]}, {piece},") <= width:
            lines[-1] += f", {piece}"
        else:
            lines = [*lines[:-1], f"{lines[-1]},", piece] if lines else [piece]
    return lines
