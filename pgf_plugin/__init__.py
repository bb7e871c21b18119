"""Multimodal sentiment analysis for mmengine: PGF-Net, baselines, and one benchmark harness.

Importing this package registers its components on mmengine's registries.
"""

from pgf_command.version import __version__
from pgf_plugin import datasets, evaluation, hooks, interop, models  # noqa: F401
from pgf_plugin.compat import allow_checkpoints
from pgf_plugin.plugin import load_entry_points

allow_checkpoints()

__all__ = ["__version__", "load_entry_points"]
