"""How a command is given again, after it was interrupted or its disk was full."""

import argparse
import shlex
import shutil
import sys
from pathlib import Path


def program() -> list[str]:
    """How this program was started, as short as it can be typed from here."""
    started = Path(sys.argv[0]).absolute()
    if started.stem != "pgf":
        return ["python", "-m", "pgf_plugin"]
    here = Path.cwd()
    if started.is_relative_to(here):  # under tox `pgf` is found now, but not after it has ended
        return [str(started.relative_to(here))]
    found = shutil.which("pgf")
    return ["pgf" if found and Path(found).absolute() == started else str(started)]


def same_command(args: argparse.Namespace, *more: str) -> str:
    """The command line that was given, with all its options and ``more``, to be typed again."""
    missing = [word for word in more if word not in args.given]
    return shlex.join([*program(), *args.given, *missing])
