"""Where commands print: a terminal as it is, a file wide enough for a table."""

import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def open_console(console: Console | None, columns: int) -> Console:
    """Return ``console``, or the standard output of now.

    Args:
        console: None for the standard output.
        columns: how wide it is at least where it is no terminal: a file has no width of its own.
    """
    # Bound to the stream of now: the output of a trial is redirected, that of its command is not.
    console = console or Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = max(console.width, columns)
    return console


def new_table(title: str = "") -> Table:
    """An empty table, with or without a title above it, as all commands draw it."""
    heading = Text(title, style="table.title") if title else None
    return Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def print_plain(console: Console, text: str) -> None:
    """Print a line as it is: names and paths may hold what is markup to rich."""
    console.print(Text(text), soft_wrap=True)
