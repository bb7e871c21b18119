"""Reads the command line and runs one command."""

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from pgf_plugin import __version__
from pgf_plugin.cli.pipes import EXIT_UNREAD, drop_unread_output, output_is_unread
from pgf_plugin.compat import only_weights_loaded
from pgf_plugin.errors import MissingExtraError

TRACEBACK = "--traceback"
TRACEBACK_VARIABLE = "PGF_TRACEBACK"

MLFLOW_FILES = "MLFLOW_ALLOW_FILE_STORE"
"""Environment variable without which MLflow 3 refuses to write files, as the engine has it do."""

USER_ERRORS = (ValueError, OSError, MissingExtraError)
"""What a command line, a config or a file can be wrong in; anything else is a bug."""

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

_COMMANDS = {
    "train": ("train", "train a config"),
    "test": ("test", "test a checkpoint on the test split"),
    "bench": ("bench", "train several models and compare them"),
    "tune": ("tune", "search for the best values of a config"),
    "predict": ("predict", "predict the sentiment of one utterance"),
    "explain": ("explain", "show where a model looks, and what it does without a modality"),
    "data": ("data", "inspect, validate and convert feature files"),
    "check": ("check", "find everything that is wrong with configs"),
    "doctor": ("doctor", "say what this installation has, and what would not work"),
    "params": ("params", "count the parameters of a model, offline"),
    "profile": ("profile", "measure what models cost: FLOPs, latency, memory"),
    "weights": ("weights", "look into a weights file, or write safetensors"),
    "import-mmsa": ("import_mmsa", "evaluate a checkpoint of MMSA here, and convert it"),
    "list": ("components", "list the components that a config can name"),
    "config": ("configs", "list, show and copy the shipped configs"),
}
"""Name of a command to its module in this package and its line in ``pgf --help``."""

_OF_TWO_WORDS: dict[tuple[str, ...], str] = {
    ("bench", "compare"): "bench-compare",
    ("bench", "watch"): "bench-watch",
}
"""Commands of two words, to the name of their parser, which ``pgf --help`` does not list."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``pgf``.

    Args:
        argv: the arguments; those of the process where it is None.

    Returns:
        0; 1 for an error, told on stderr; 130 for Ctrl-C, 143 for SIGTERM; 141 if nobody reads the
        output any more. A wrong command line ends the process with 2, as argparse does.
    """
    try:
        return _run(argv)
    finally:
        drop_unread_output()


def _run(argv: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    # Taken out here, so that it may also stand behind the command.
    words = [word for word in given if word != TRACEBACK]
    two_words = tuple(words[:2]) if tuple(words[:2]) in _OF_TWO_WORDS else ()
    if two_words:
        words = [_OF_TWO_WORDS[two_words], *words[2:]]
    args = _parser(words).parse_args(words)
    args.given = given
    args.command = " ".join(two_words) if two_words else args.command
    with_traceback = TRACEBACK in given or bool(os.environ.get(TRACEBACK_VARIABLE))
    os.environ.setdefault(MLFLOW_FILES, "true")
    with warnings.catch_warnings():
        _silence_libraries()
        try:
            with only_weights_loaded():
                code = args.run(args)
            if sys.stdout is not None:
                sys.stdout.flush()
        except KeyboardInterrupt:
            print(f"pgf {args.command}: interrupted", file=sys.stderr)
            return EXIT_INTERRUPTED
        except Exception as error:  # noqa: BLE001 - a command ends with one line, not a traceback
            if isinstance(error, BrokenPipeError) and output_is_unread():
                return EXIT_UNREAD
            _tell(args.command, error, with_traceback)
            return EXIT_ERROR
    return code


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of ``pgf``; of the commands, only those ``given`` are imported."""
    parser = argparse.ArgumentParser(
        prog="pgf",
        description="Multimodal sentiment analysis for mmengine: train, compare, predict.",
        epilog="CONFIG is a file, or the name of a shipped config (`pgf config list`).",
    )
    parser.add_argument("--version", action="version", version=f"pgf-plugin {__version__}")
    parser.add_argument(
        TRACEBACK,
        action="store_true",
        help=f"show where an error was raised; before or after COMMAND (also: "
        f"{TRACEBACK_VARIABLE}=1)",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, line) in _COMMANDS.items():
        if name in given:
            import_module(f"pgf_plugin.cli.{module}").add_parser(commands)
        else:
            commands.add_parser(name, help=line)
    for name in {*_OF_TWO_WORDS.values()} & {*given[:1]}:
        import_module(f"pgf_plugin.cli.{name.replace('-', '_')}").add_parser(commands)
    for command in commands.choices.values():  # their modules' docstrings are reStructuredText
        command.description = (command.description or "").replace("``", "`")
    return parser


def _tell(command: str, error: Exception, with_traceback: bool) -> None:
    """Print an error to stderr; what no user input should cause, with a way to find its place."""
    if with_traceback:
        traceback.print_exception(error)
    if isinstance(error, USER_ERRORS):
        print(f"pgf {command}: error: {error}", file=sys.stderr)
        return
    print(f"pgf {command}: error: {type(error).__name__}: {error}", file=sys.stderr)
    if not with_traceback:
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"This was not expected (in {Path(place.filename).name}, line {place.lineno}): "
            f"run it again with {TRACEBACK} to see what led there",
            file=sys.stderr,
        )


def _silence_libraries() -> None:
    """No progress bars of libraries; this package's warnings as one line, without a place."""
    from transformers.utils import logging as transformers_logging

    from pgf_plugin.plugin import BrokenEntryPointWarning, EntryPointConflictWarning

    transformers_logging.disable_progress_bar()
    show = warnings.showwarning

    def shown(message, category, filename, lineno, file=None, line=None) -> None:
        if issubclass(category, BrokenEntryPointWarning | EntryPointConflictWarning):
            print(f"pgf: warning: {message}", file=sys.stderr)
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = shown  # restored by catch_warnings
