"""Feature files: one module a format."""

from pgf_plugin.datasets.formats.load import load_table

__all__ = ["load_table"]
