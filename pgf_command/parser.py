"""The parser of ``pgf``, in which only the commands that are given are imported."""

import argparse
from collections.abc import Sequence
from importlib import import_module

from pgf_command.version import __version__

TRACEBACK = "--traceback"
TRACEBACK_VARIABLE = "PGF_TRACEBACK"

COMMANDS = {
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
"""Name of a command to its module in ``pgf_plugin.cli`` and its line in ``pgf --help``."""

OF_TWO_WORDS: dict[tuple[str, ...], str] = {
    ("bench", "compare"): "bench-compare",
    ("bench", "watch"): "bench-watch",
}
"""Commands of two words, to the name of their parser, which ``pgf --help`` does not list."""


def parser(given: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of ``pgf``; of the commands, only those ``given`` are imported."""
    pgf = argparse.ArgumentParser(
        prog="pgf",
        description="Multimodal sentiment analysis for mmengine: train, compare, predict.",
        epilog="CONFIG is a file, or the name of a shipped config (`pgf config list`).",
    )
    pgf.add_argument("--version", action="version", version=f"pgf-plugin {__version__}")
    pgf.add_argument(
        TRACEBACK,
        action="store_true",
        help=f"show where an error was raised; before or after COMMAND (also: "
        f"{TRACEBACK_VARIABLE}=1)",
    )
    commands = pgf.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, line) in COMMANDS.items():
        if name in given:
            import_module(f"pgf_plugin.cli.{module}").add_parser(commands)
        else:
            commands.add_parser(name, help=line)
    for name in {*OF_TWO_WORDS.values()} & {*given[:1]}:
        import_module(f"pgf_plugin.cli.{name.replace('-', '_')}").add_parser(commands)
    for command in commands.choices.values():  # their modules' docstrings are reStructuredText
        command.description = (command.description or "").replace("``", "`")
    return pgf
