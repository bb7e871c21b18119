"""``pgf data``: looks into data files and checks them."""

from pgf_plugin.cli import data_inspect


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "data", help="look into data files and check them", description=__doc__
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    data_inspect.add_actions(actions)
