"""Multimodal sentiment analysis for mmengine: PGF-Net, baselines, and one benchmark harness.

Importing this package registers its components on mmengine's registries.
"""

from importlib.metadata import PackageNotFoundError, version

from pgf_plugin import registry as registry
from pgf_plugin.compat import allow_checkpoints
from pgf_plugin.plugin import load_entry_points

allow_checkpoints()

try:
    __version__ = version("pgf-plugin")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "load_entry_points"]
