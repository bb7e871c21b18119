"""Options that several commands share, and the config that they mean."""

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from pgf_plugin.config import load_config, raise_problems
from pgf_plugin.plugin import load_entry_points


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add CONFIG and the options that change it."""
    parser.add_argument("config", metavar="CONFIG", help="config file, or name of a shipped config")
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
        action=DictAction,
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


def checked_config_from(args: argparse.Namespace, **overrides: Any) -> Config:
    """Load the config that ``args`` means and check it before anything else is read.

    Raises:
        ConfigError: with everything that is wrong.
    """
    cfg = config_from(args, **overrides)
    raise_problems(cfg, args.config)
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
