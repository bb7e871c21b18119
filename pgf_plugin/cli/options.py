"""Options that several commands share, and the config that they mean."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from pgf_plugin.cli.overrides import Overrides
from pgf_plugin.config import check_config, config_error, load_config
from pgf_plugin.config.needs import missing_parts
from pgf_plugin.config.problem import unique
from pgf_plugin.config.tracking import check_tracking
from pgf_plugin.errors import ConfigError
from pgf_plugin.plugin import load_entry_points


def add_config(parser: argparse.ArgumentParser, *, several: str | None = None) -> None:
    """Add CONFIG and the options that change it.

    Args:
        parser: of the command.
        several: argparse's ``nargs`` of a command that takes several; they are in ``configs``.
    """
    parser.add_argument(
        "configs" if several else "config",
        metavar="CONFIG",
        nargs=several,
        help="config file, or name of a shipped config",
    )
    add_overrides(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add the options that change a config."""
    parser.add_argument(
        "--encoder",
        metavar="NAME",
        help="text encoder: a folder, package:MODULE/FOLDER, or a Hugging Face id "
        "(also: the environment variable PGF_ENCODER)",
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder of the data")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=Overrides,
        metavar="KEY=VALUE",
        help="override keys of the config, such as model.start_fusion_layer=2",
    )


def add_work_dir(parser: argparse.ArgumentParser) -> None:
    """Add ``--work-dir``."""
    parser.add_argument(
        "--work-dir", metavar="DIR", help="where to write (default: work_dirs/NAME_OF_CONFIG)"
    )


def config_from(args: argparse.Namespace, **overrides: Any) -> Config:
    """Load the config that ``args`` means, with other distributions' components at hand."""
    load_entry_points()
    return load_config(
        args.config,
        args.cfg_options,
        encoder=args.encoder,
        data_root=args.data_root,
        work_dir=getattr(args, "work_dir", None),
        **overrides,
    )


def run_config_from(args: argparse.Namespace, **overrides: Any) -> Config:
    """Load the config that ``args`` means, of one run.

    Raises:
        ConfigError: if it is that of a benchmark.
    """
    cfg = config_from(args, **overrides)
    if "bench" in cfg and not cfg.get("model"):
        raise ConfigError(
            f"{args.config} compares several models, each with a config of its own, and is no "
            f"config of a run. Use it so: pgf bench {args.config}"
        )
    return cfg


def checked_config_from(
    args: argparse.Namespace, *, needs: Sequence[str], **overrides: Any
) -> Config:
    """Load the config that ``args`` means and check it before anything else is read.

    Args:
        args: the command line.
        needs: keys without which the command cannot run.
        overrides: as for :func:`pgf_plugin.config.load_config`.

    Raises:
        ConfigError: with everything that is wrong.
    """
    cfg = run_config_from(args, **overrides)
    problems = unique(
        [*missing_parts(cfg, needs, args.command), *check_config(cfg), *check_tracking(cfg)]
    )
    if problems:
        raise config_error(problems, args.config)
    return cfg


def existing_file(name: str) -> Path:
    """Return the path of a file.

    Raises:
        FileNotFoundError: if there is none.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{name}: there is no such file")
    return path
