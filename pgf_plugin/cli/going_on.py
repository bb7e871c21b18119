"""How a command is given again, after it was interrupted or its disk was full."""

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from pgf_plugin.errors import WorkDirFailedError
from pgf_plugin.interrupts import Interrupted, watched_signals


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


def run_interruptibly(
    args: argparse.Namespace, work: Callable[[], int], kept: Callable[[], str], *more: str
) -> int:
    """Do the work of a command that Ctrl-C, SIGTERM and a full disk may end, and be gone on with.

    Args:
        args: of the command line.
        work: returns the exit status.
        kept: says, where the work was interrupted, what is kept and how to go on.
        more: options that the command needs to go on after a full disk.

    Returns:
        what ``work`` returns; 130 after Ctrl-C, 143 after SIGTERM.

    Raises:
        WorkDirFailedError: with the command that goes on.
    """
    try:
        with watched_signals():
            return work()
    except Interrupted as interrupted:
        print(f"pgf {args.command}: {interrupted}. {kept()}", file=sys.stderr)
        return interrupted.exit_code
    except WorkDirFailedError as error:
        again = same_command(args, *more)
        raise WorkDirFailedError(f"{error}. To go on:\n  {again}") from error
