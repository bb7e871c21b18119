"""Checks of ids, splits, texts and videos."""

from collections.abc import Iterator, Sequence

from pgf_plugin.datasets.checks import SPLITS, canonical_split
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.inspection.describe import repeated_ids
from pgf_plugin.datasets.inspection.finding import Expectations, Finding, first_of, numbered
from pgf_plugin.datasets.inspection.report import Overlap
from pgf_plugin.datasets.inspection.splits import NO_SPLIT, Splits
from pgf_plugin.datasets.inspection.survey import Survey
from pgf_plugin.datasets.inspection.texts import empty_rows, shared, shared_texts


def check_rows(survey: Survey, expected: Expectations) -> Iterator[Finding]:
    """Yield the problems of everything but labels and features."""
    yield from _broken(survey)
    if not len(survey.table):
        yield Finding("error", "there is no utterance", "file", 0, [], "look for the right file")
        return
    yield from _notes(survey)
    yield from reader_warnings(survey.table)
    yield from _columns(survey)
    yield from _splits(survey, expected)
    yield from _ids(survey)
    yield from _videos(survey)
    yield from _texts(survey)


def _broken(survey: Survey) -> Iterator[Finding]:
    advice = "the file is inconsistent, extract the features again; this part was not checked"
    for part, why in survey.broken.items():
        yield Finding("error", why, part, 1, [], advice)


def _notes(survey: Survey) -> Iterator[Finding]:
    for note in survey.table.info.get("notes", []):
        if "left out" in note:
            advice = "if they are features, mend the column, or name it by --option"
            yield Finding("warning", note, "file", 1, [], advice)


def reader_warnings(table: FeatureTable) -> Iterator[Finding]:
    """Yield what the reader found doubtful about the files."""
    for warning in table.info.get("warnings", []):
        advice = "if this is not meant, mend the files, or the options that they are read with"
        yield Finding("warning", warning, "file", 1, [], advice)


def _columns(survey: Survey) -> Iterator[Finding]:
    names = sorted(survey.table.splits)
    if len(names) > 1:
        yield Finding(
            "warning",
            f"there are {len(names)} split columns; {survey.splits.column!r} was checked",
            "splits",
            len(names),
            first_of(names),
            "choose one with --split-column, and with split_column in a config",
        )


def _splits(survey: Survey, expected: Expectations) -> Iterator[Finding]:
    splits = survey.splits
    if splits.column is None:
        yield Finding(
            "error", "no split is told", "splits", len(survey.table), [], "add a split column"
        )
        return
    counts = {canonical_split(name): count for name, count in splits.counts.items()}
    lacking = [name for name in expected.splits if not counts.get(name)]
    if lacking:
        found = ", ".join(f"{name} {count:,}" for name, count in splits.counts.items())
        yield Finding(
            "error",
            f"missing or empty: {', '.join(lacking)}; found {found}",
            f"splits ({splits.column})",
            len(lacking),
            [],
            "add them, or say with --splits which ones there should be",
        )
    for name, count in splits.counts.items():
        if count < expected.min_samples and name != NO_SPLIT:
            advice = "statistics and metrics of so few are noise; is the file whole?"
            what = f"only {numbered(count, 'utterance')}"
            yield Finding("warning", what, f"splits, {name}", count, [], advice)
    yield from merged_splits(splits)
    if NO_SPLIT in splits.names:
        rows = splits.rows(NO_SPLIT)
        yield Finding(
            "warning",
            f"{numbered(len(rows), 'utterance')} in no split",
            f"splits ({splits.column})",
            len(rows),
            first_of(survey.table.ids[row] for row in rows),
            "they are never used: name their split, or leave them out",
        )
    version = splits.version
    if version is not None and version.differences:
        yield Finding(
            "warning",
            f"counts near to, but not those of a published version; {version}",
            f"splits ({splits.column})",
            sum(map(abs, version.differences.values())),
            [],
            "results on other counts are not comparable: say so beside them, or find the version",
        )


def merged_splits(splits: Splits) -> Iterator[Finding]:
    """Yield the names that a file has for several splits, and which are all read as one."""
    for known in SPLITS:
        counts = {
            name: count for name, count in splits.counts.items() if canonical_split(name) == known
        }
        if len(counts) > 1:
            told = " and ".join(f"{name!r} ({count:,})" for name, count in counts.items())
            yield Finding(
                "warning",
                f"{told} are read as one split, {known}",
                f"splits ({splits.column})",
                sum(counts.values()),
                [],
                "if they are not one, give the others a name that is no split's, such as 'unused'",
            )


def _ids(survey: Survey) -> Iterator[Finding]:
    repeated = repeated_ids(survey.table)
    if not repeated:
        return
    across = shared([name if name in repeated else "" for name in survey.table.ids], survey.splits)
    leaks = sum(overlap.count for overlap in across)
    where = f"ids, {leaks} of them across splits" if leaks else "ids"
    yield Finding(
        "error",
        f"{numbered(len(repeated), 'id')} of several utterances",
        where,
        len(repeated),
        first_of(repeated),
        "give every utterance its own id, and keep one copy of those that are the same",
    )


def _videos(survey: Survey) -> Iterator[Finding]:
    if survey.videos is None:
        return
    advice = (
        "the same speaker is learnt from and tested on: split by video, or say so beside results"
    )
    for overlap in shared(survey.videos.of, survey.splits):
        what = f"{numbered(overlap.count, 'video')} in several splits"
        yield _overlapping(overlap, what, f"ids ({survey.videos.form})", advice)


def _texts(survey: Survey) -> Iterator[Finding]:
    table = survey.table
    rows = empty_rows(table.texts)
    if len(rows) == len(table):
        if "text" not in table.sequences and "texts" not in survey.broken:
            advice = "leave 'text' out of modalities, or add the transcripts"
            yield Finding("warning", "no utterance has a text", "texts", len(table), [], advice)
    elif rows:
        yield Finding(
            "warning",
            f"{numbered(len(rows), 'text')} empty",
            f"texts, {_splits_of(survey, rows)}",
            len(rows),
            first_of(table.ids[row] for row in rows),
            "add the transcripts, or leave these utterances out; a store takes them with `pgf data "
            "convert --allow empty-text` alone",
        )
    for overlap in shared_texts(table, survey.splits):
        what = f"{numbered(overlap.count, 'text')} in several splits"
        advice = "short ones may be chance; longer ones mean that a test text was learnt from"
        yield _overlapping(overlap, what, "texts", advice)


def _overlapping(overlap: Overlap, what: str, part: str, advice: str) -> Finding:
    where = f"{part}, {' and '.join(overlap.splits)}"
    return Finding("warning", what, where, overlap.count, first_of(overlap.examples), advice)


def _splits_of(survey: Survey, rows: Sequence[int]) -> str:
    codes = {int(survey.splits.codes[row]) for row in rows}
    return ", ".join(survey.splits.names[code] for code in sorted(codes))
