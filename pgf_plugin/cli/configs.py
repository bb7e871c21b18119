"""``pgf config``: lists, shows and copies the configs that travel with the package."""

import argparse
from itertools import takewhile
from pathlib import Path

from pgf_plugin.cli.options import add_config, config_from
from pgf_plugin.config import config_root, copy_config, list_configs, load_config
from pgf_plugin.errors import ConfigError


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "config", help="list, show and copy the shipped configs", description=__doc__
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="names of the shipped configs")
    listing.add_argument(
        "words", metavar="WORD", nargs="*", help="only names with each of these, such as sims mma"
    )
    listing.set_defaults(run=run_list)
    show = actions.add_parser("show", help="print a config with everything it inherits")
    add_config(show)
    show.set_defaults(run=run_show)
    copy = actions.add_parser("copy", help="copy a config, with its base files, to edit it")
    copy.add_argument("config", metavar="NAME", help="config file, or name of a shipped config")
    copy.add_argument(
        "folder", metavar="DIR", nargs="?", default="configs", help="(default: configs)"
    )
    copy.add_argument("--force", action="store_true", help="replace files that differ")
    copy.set_defaults(run=run_copy)


def run_list(args: argparse.Namespace) -> int:
    """Print the name and the first comment of every shipped config, or of those that are asked for.

    Raises:
        ConfigError: if there is none.
    """
    names = [name for name in list_configs() if all(word in name for word in args.words)]
    if not names:
        raise ConfigError(
            f"no shipped config has {' and '.join(map(repr, args.words))} in its name: see "
            "`pgf config list`"
        )
    width = max(map(len, names))
    for name in names:
        print(f"{name:<{width}}  {_headline(config_root() / name)}".rstrip())
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Print the resolved config as Python."""
    print(config_from(args).pretty_text)
    return 0


def run_copy(args: argparse.Namespace) -> int:
    """Copy the config and say what to do with the copy."""
    files = copy_config(args.config, Path(args.folder).expanduser(), force=args.force)
    for file in files:
        print(f"wrote {file}")
    cfg = load_config(str(files[0]))
    command = next((key for key in ("bench", "tune") if key in cfg), "train")
    print(f"Edit it, then: pgf {command} {files[0]}")
    return 0


def _headline(path: Path) -> str:
    """First sentence of the comment that a config begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.lstrip("# ") for line in takewhile(lambda x: x.startswith("#"), lines))
    return comment.partition(". ")[0].removesuffix(".")
