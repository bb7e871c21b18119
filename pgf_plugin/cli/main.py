"""Reads the command line and runs one command."""

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from transformers.utils import logging as transformers_logging

from pgf_plugin import __version__
from pgf_plugin.cli import bench, components, configs, params, predict, test, train
from pgf_plugin.errors import MissingExtraError
from pgf_plugin.plugin import BrokenEntryPointWarning, EntryPointConflictWarning

TRACEBACK_VARIABLE = "PGF_TRACEBACK"

USER_ERRORS = (ValueError, OSError, MissingExtraError)
"""What a command line, a config or a file can be wrong in; anything else is a bug."""

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

_COMMANDS = (train, test, bench, predict, params, components, configs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``pgf``.

    Args:
        argv: the arguments; those of the process where it is None.

    Returns:
        0; 1 for an error in a config, a file or a value, told on stderr; 130 for Ctrl-C. A wrong
        command line ends the process with 2, as argparse does.
    """
    args = _parser().parse_args(argv)
    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings():
        _shorten_own_warnings()
        try:
            return args.run(args)
        except USER_ERRORS as error:
            if args.traceback or os.environ.get(TRACEBACK_VARIABLE):
                traceback.print_exc()
            print(f"pgf {args.command}: error: {error}", file=sys.stderr)
            return EXIT_ERROR
        except KeyboardInterrupt:
            print(f"pgf {args.command}: interrupted", file=sys.stderr)
            return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pgf",
        description="Multimodal sentiment analysis for mmengine: train, compare, predict.",
        epilog="CONFIG is a file, or the name of a shipped config (`pgf config list`).",
    )
    parser.add_argument("--version", action="version", version=f"pgf-plugin {__version__}")
    parser.add_argument(
        "--traceback",
        action="store_true",
        help=f"show where an error was raised (also: {TRACEBACK_VARIABLE}=1)",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def _shorten_own_warnings() -> None:
    """Print this package's warnings as one line, without a place in its source."""
    show = warnings.showwarning

    def shown(message, category, filename, lineno, file=None, line=None) -> None:
        if issubclass(category, BrokenEntryPointWarning | EntryPointConflictWarning):
            print(f"pgf: warning: {message}", file=sys.stderr)
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = shown  # restored by catch_warnings
