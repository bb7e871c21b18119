"""Experiment trackers: whether the package behind a visualizer backend is installed.

No part of :func:`~pgf_plugin.config.check_config`: such a config is right, and runs elsewhere.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from pgf_plugin.config.load import type_name
from pgf_plugin.config.problem import Problem

INSTALL = 'python -m pip install "pgf-plugin[track]"'

PACKAGES = {
    "TensorboardVisBackend": "tensorboard",
    "MLflowVisBackend": "mlflow",
    "WandbVisBackend": "wandb",
}
"""Backends of the engine to the packages that they import when a run begins."""


def check_tracking(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Name the extra of a backend whose package is missing."""
    visualizer = cfg.get("visualizer")
    backends = visualizer.get("vis_backends") if isinstance(visualizer, Mapping) else None
    for place, node in enumerate(backends if isinstance(backends, list | tuple) else ()):
        package = PACKAGES.get(type_name(node)) if isinstance(node, Mapping) else None
        if package is not None and not _is_installed(package):
            said = f"needs {package!r}, which is not installed. Run: {INSTALL}"
            yield Problem(f"visualizer.vis_backends[{place}].type", said)


def _is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not, for it may take seconds."""
    if package in sys.modules:
        return sys.modules[package] is not None
    return find_spec(package) is not None
