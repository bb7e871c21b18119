"""The report of a bench: one HTML file that needs nothing else."""

from pgf_plugin.bench.report.write import REPORT_FILE, write_report

__all__ = ["REPORT_FILE", "write_report"]
