"""Puts the report on a table together."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.inspection.features import describe_modality
from pgf_plugin.datasets.inspection.labels import describe_labels, label_columns
from pgf_plugin.datasets.inspection.report import ColumnReport, IdReport, Report
from pgf_plugin.datasets.inspection.source import source_files
from pgf_plugin.datasets.inspection.splits import read_splits
from pgf_plugin.datasets.inspection.survey import Survey, survey_table
from pgf_plugin.datasets.inspection.texts import (
    MAX_EXAMPLES,
    cut_text,
    describe_texts,
    shared,
    shared_texts,
)

_TOLD_ELSEWHERE = ("files", "store")


def describe_table(
    table: FeatureTable, split_column: str | None = None, *, hashed: bool = True
) -> Report:
    """Describe the utterances of ``table``, of any format or a store.

    Args:
        table: the data; sequences are read once, a block at a time.
        split_column: which split column counts; None for the most complete.
        hashed: whether the SHA-256 of the source is taken.

    Raises:
        ValueError: if the data have no such column.
    """
    return describe(survey_table(table, split_column), hashed=hashed)


def describe(survey: Survey, *, hashed: bool = True) -> Report:
    """Describe what was gathered of a table; ``hashed`` as for :func:`describe_table`."""
    table, splits = survey.table, survey.splits
    label_range = table.info.get("label_range")
    columns = {name: read_splits(table, name) for name in sorted(table.splits)}
    return Report(
        source=table.source,
        info=_plain(table.info),
        files=source_files(table, hashed=hashed),
        utterances=len(table),
        columns={name: ColumnReport(each.counts, each.version) for name, each in columns.items()},
        column=splits.column,
        labels={
            name: describe_labels(values, splits, label_range)
            for name, values in label_columns(table).items()
        },
        modalities={
            name: describe_modality(steps, splits) for name, steps in survey.modalities.items()
        },
        texts=describe_texts(table, splits),
        shared_texts=shared_texts(table, splits),
        ids=_describe_ids(survey),
        broken=survey.broken,
    )


def repeated_ids(table: FeatureTable) -> dict[str, int]:
    """Ids that several utterances have, to how many."""
    return {name: count for name, count in Counter(table.ids).items() if count > 1}


def _describe_ids(survey: Survey) -> IdReport:
    splits, videos = survey.splits, survey.videos
    repeated = repeated_ids(survey.table)
    of = videos.of if videos else []
    return IdReport(
        repeated={cut_text(name): repeated[name] for name in list(repeated)[:MAX_EXAMPLES]},
        num_repeated=len(repeated),
        form=videos.form if videos else None,
        videos={
            name: len({of[row] for row in splits.rows(name)}) for name in splits.names if videos
        },
        shared_videos=shared(of, splits) if videos else [],
    )


def _plain(info: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if name not in _TOLD_ELSEWHERE}
