"""``pgf list``: every component that a config can name."""

import argparse

from pgf_plugin.plugin import components

_COLUMNS = ("group", "name", "distribution", "paper", "purpose")


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "list", help="list the components that a config can name", description=__doc__
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line a component: group, name, distribution, paper, purpose."""
    rows = [_COLUMNS, *(tuple(getattr(c, key) for key in _COLUMNS) for c in components())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    for *cells, purpose in rows:
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        print("  ".join([*padded, purpose]).rstrip())
    return 0
