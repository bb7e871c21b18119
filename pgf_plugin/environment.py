"""What runs here: versions, and the distribution behind the module ``mmengine``."""

from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from pathlib import Path

import mmengine
import numpy
import peft
import torch
import transformers

from pgf_plugin import __version__

ENGINES = ("mmengine", "onedl-mmengine")
"""Distributions that provide the module ``mmengine``; one of them at a time."""


def versions() -> dict[str, str]:
    """Version of this package and of those that the numbers hang on, by module."""
    modules = (torch, transformers, peft, mmengine, numpy)
    return {"pgf_plugin": __version__, **{m.__name__: str(m.__version__) for m in modules}}


def engine() -> str | None:
    """Distribution whose module ``mmengine`` runs, which forks provide too; None where unknown."""
    module = Path(mmengine.__file__)
    installed = set(packages_distributions().get("mmengine", []))
    found = [
        name
        for name in installed
        if Path(str(distribution(name).locate_file("mmengine/__init__.py"))) == module
    ]
    return ", ".join(sorted(found)) or None


def installed_version(name: str) -> str | None:
    """Version of a distribution; None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
