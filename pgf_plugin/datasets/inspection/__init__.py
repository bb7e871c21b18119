"""Says what a data file holds, and what is wrong with it."""

from pgf_plugin.datasets.inspection.describe import describe, describe_table
from pgf_plugin.datasets.inspection.finding import Expectations, Finding
from pgf_plugin.datasets.inspection.report import Report
from pgf_plugin.datasets.inspection.survey import Survey, survey_table
from pgf_plugin.datasets.inspection.validate import (
    find_doubts,
    find_problems,
    unreadable,
    validate_table,
)

__all__ = [
    "Expectations",
    "Finding",
    "Report",
    "Survey",
    "describe",
    "describe_table",
    "find_doubts",
    "find_problems",
    "survey_table",
    "unreadable",
    "validate_table",
]
