"""``pgf list``: every component that a config can name."""

import argparse
import sys
from collections.abc import Iterator

from pgf_plugin.plugin import GROUPS, OPT_OUT, Component, components
from pgf_plugin.registry import ROOT_REGISTRIES

_COLUMNS = ("group", "name", "distribution", "paper", "purpose")


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "list", help="list the components that a config can name", description=__doc__
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line a component: group, name, distribution, paper, purpose."""
    found = components()
    if not found:  # nothing is declared, or nobody may look
        found = tuple(_own_components())
        print(
            f"pgf list: only this package's own components: entry points are switched off "
            f"({OPT_OUT}), or it is not installed",
            file=sys.stderr,
        )
    rows = [_COLUMNS, *(tuple(getattr(c, key) for key in _COLUMNS) for c in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    for *cells, purpose in rows:
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        print("  ".join([*padded, purpose]).rstrip())
    return 0


def _own_components() -> Iterator[Component]:
    """What importing the package registered."""
    for group, registry in GROUPS.items():
        for name, target in sorted(ROOT_REGISTRIES[registry].module_dict.items()):
            if target.__module__.partition(".")[0] == "pgf_plugin":
                yield Component(group.removeprefix("mmengine."), name, "pgf-plugin", target)
