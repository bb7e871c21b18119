"""What runs here: versions, the distribution behind the module ``mmengine``, device and commit."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from pathlib import Path
from typing import Any

import mmengine
import numpy
import peft
import torch
import transformers

from pgf_plugin import __version__

ENGINES = ("mmengine", "onedl-mmengine")
"""Distributions that provide the module ``mmengine``; one of them at a time."""

_GIT_SECONDS = 20
"""After it a folder is taken to be no repository: a network drive may hang."""


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


def environment(model: torch.nn.Module) -> dict[str, Any]:
    """Versions, engine, device, threads and commit, as they stand beside every number."""
    device = next(model.parameters()).device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "python": platform.python_version(),
        "packages": versions(),
        "engine": engine(),
        "device": device.type,
        "device_name": name or platform.machine(),
        "threads": torch.get_num_threads(),
        "commit": git_commit(Path.cwd()),
    }


def git_commit(folder: Path) -> str | None:
    """Abbreviated commit of the repository that holds ``folder``; None where there is none.

    ``+dirty`` is added where a file that git knows has changed since.
    """
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+dirty"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):  # no git, or it hangs
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
