"""The command ``pgf`` up to the point where it needs the package.

A package of its own: importing anything of :mod:`pgf_plugin` registers its components, and with
them torch and mmengine, which takes seconds that ``pgf --help`` need not cost.
"""

import sys

from pgf_command.parser import COMMANDS, OF_TWO_WORDS, parser
from pgf_command.pipes import drop_unread_output


def main() -> int:
    """Run ``pgf`` with the arguments of the process; see :func:`pgf_plugin.cli.main`."""
    given = sys.argv[1:]
    commands = {*COMMANDS, *OF_TWO_WORDS.values()}
    if commands.isdisjoint(given):  # help, the version or an error, which end the process
        try:
            parser().parse_args(given)
        finally:
            drop_unread_output()
    from pgf_plugin.cli import main as run

    return run(given)
