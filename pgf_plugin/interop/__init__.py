"""Other projects' checkpoints and training procedures."""

from pgf_plugin.interop import mmsa

__all__ = ["mmsa"]
