"""All problems of a table, the errors first."""

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.hidden import hidden_steps
from pgf_plugin.datasets.inspection.feature_checks import check_features, hidden_values
from pgf_plugin.datasets.inspection.finding import Expectations, Finding
from pgf_plugin.datasets.inspection.label_checks import check_labels, doubtful_scale
from pgf_plugin.datasets.inspection.row_checks import (
    check_rows,
    merged_splits,
    reader_warnings,
)
from pgf_plugin.datasets.inspection.splits import choose_column, read_splits
from pgf_plugin.datasets.inspection.survey import ZERO_PADDED, Survey, survey_table
from pgf_plugin.errors import DataError


def validate_table(
    table: FeatureTable,
    split_column: str | None = None,
    expected: Expectations | None = None,
) -> list[Finding]:
    """List the problems of ``table``, of any format or a store.

    Args:
        table: the data; sequences are read once, a block at a time.
        split_column: which split column counts; None for the most complete.
        expected: what the data should be.

    Raises:
        ValueError: if the data have no such column.
    """
    return find_problems(survey_table(table, split_column), expected)


def find_problems(survey: Survey, expected: Expectations | None = None) -> list[Finding]:
    """List the problems of what was gathered of a table, the errors first."""
    expected = expected or Expectations()
    found = [
        *check_rows(survey, expected),
        *check_labels(survey, expected),
        *check_features(survey, expected),
    ]
    return sorted(found, key=lambda finding: finding.severity != "error")


def find_doubts(table: FeatureTable) -> list[Finding]:
    """List what spoils results without a word, and is told as well where nobody validates.

    Of the features of ``table`` only the padding is read.
    """
    splits = read_splits(table, choose_column(table, None))
    hidden = {
        name: hidden_steps(table.sequences[name]) for name in ZERO_PADDED if name in table.sequences
    }
    return [
        *reader_warnings(table),
        *(each for name in table.splits for each in merged_splits(read_splits(table, name))),
        *doubtful_scale(table),
        *(each for name in hidden for each in hidden_values(table, splits, name, hidden[name])),
    ]


def unreadable(error: DataError) -> Finding:
    """The problem of a file that its reader refuses."""
    advice = "see the message; the rest could not be checked"
    return Finding("error", str(error), "file", 1, [], advice)
