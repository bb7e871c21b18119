"""Feature files: one module a format."""

from pgf_plugin.datasets.formats.load import load_table, read_table
from pgf_plugin.datasets.formats.registry import FORMATS, Format, detect_format

__all__ = ["FORMATS", "Format", "detect_format", "load_table", "read_table"]
