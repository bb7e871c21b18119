"""The command ``pgf``, one file a command."""

from pgf_plugin.cli.main import main

__all__ = ["main"]
