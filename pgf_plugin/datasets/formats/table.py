"""Plain tables, one utterance a row: CSV, TSV, JSON lines, JSON and Parquet.

A row has an identifier, a text, a label or several, and the name of its split; the columns are
found by the names that are usual, or are named by options. Where there is one file a split
(``train.csv``, ``valid.csv``, ``test.csv``), the folder is the table.

The audio and vision features of an utterance are

- a list of numbers (one step), or a list of such lists (one each step): in JSON and Parquet, and
  in a CSV file as the text of such a list;
- or the path of a ``.npy`` file (steps, features), relative to the table, in ``audio``,
  ``audio_path`` or ``audio_file``; these are read when they are used;
- or one column a feature, ``audio_0``, ``audio_1``, …: one step.

Precomputed text features are found likewise, as ``text_features``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable, Sequences
from pgf_plugin.datasets.formats.known import (
    Unlabelled,
    describe_source,
    split_files,
    unread_note,
)
from pgf_plugin.datasets.formats.options import column_name, column_names
from pgf_plugin.datasets.formats.table_columns import Names, find_columns, other_columns
from pgf_plugin.datasets.formats.table_csv import CsvFile, CsvOptions
from pgf_plugin.datasets.formats.table_features import (
    FeatureColumns,
    features_of,
    find_misfit,
    may_hold_features,
)
from pgf_plugin.datasets.formats.table_files import (
    SUFFIXES,
    Column,
    TableFile,
    is_number_or_missing,
    parse_column,
)
from pgf_plugin.datasets.formats.table_json import JsonFile
from pgf_plugin.datasets.formats.table_texts import ids_of, odd_texts, splits_of, texts_of
from pgf_plugin.datasets.sequences import JoinedSequences
from pgf_plugin.errors import ConfigError, DataError, check_bool, check_one_of, check_text, shown


def read_table_file(
    path: Path,
    *,
    id_column: str | None = None,
    text_column: str | None = None,
    label_column: str | Sequence[str] | None = None,
    split_column: str | Sequence[str] | None = None,
    text_features_column: str | None = None,
    audio_column: str | None = None,
    vision_column: str | None = None,
    split: str | None = None,
    unlabelled: Unlabelled = "error",
    encoding: str | None = None,
    separator: str | None = None,
    quotes: bool = True,
    paths_anywhere: bool = False,
) -> FeatureTable:
    """Read a table, or a folder of one table a split.

    Args:
        path: the file or folder.
        id_column: column of the identifiers; rows are numbered where there is none. Likewise the
            next six, ``'none'`` leaves out what has the usual name.
        text_column: column of the transcripts.
        label_column: column of the labels, or several.
        split_column: column of the splits, or several to choose from.
        text_features_column: column of precomputed text features, or what its numbered columns
            begin with.
        audio_column: the same for audio.
        vision_column: the same for vision.
        split: the split of all rows, for a table of one split.
        unlabelled: ``'error'`` refuses a row without label, ``'keep'`` reads NaN for it.
        encoding: of a CSV file; None for UTF-8, or what its byte order mark says.
        separator: of a CSV file, ``'tab'`` or one sign; None for the one that Excel's line
            ``sep=;`` tells, or that the header has most of.
        quotes: whether cells of a CSV file may stand in quotation marks; without, these are part of
            the text.
        paths_anywhere: whether paths of ``.npy`` files may lead out of the table's folder.

    Raises:
        ValueError: for a column that the table does not have, with the nearest that it has, or an
            option of another type.
        DataError: for a malformed file, naming the line, and for a number that is none, a label
            that is missing, or features that cannot be read, naming the row.
    """
    check_one_of("unlabelled", unlabelled, ("error", "keep"))
    for option, value in (("split", split), ("encoding", encoding)):
        if value is not None:
            check_text(option, value)
    csv = CsvOptions(encoding, _check_separator(separator), check_bool("quotes", quotes))
    names = Names(
        ids=column_name("id_column", id_column),
        text=column_name("text_column", text_column),
        labels=column_names("label_column", label_column),
        splits=column_names("split_column", split_column),
        features={
            "text": column_name("text_features_column", text_features_column),
            "audio": column_name("audio_column", audio_column),
            "vision": column_name("vision_column", vision_column),
        },
    )
    reader = _Reader(names, unlabelled == "keep", check_bool("paths_anywhere", paths_anywhere))
    if not path.is_dir():
        return reader.read(path, _open(path, csv), split)
    files = split_files(path, SUFFIXES)
    if not files:
        raise DataError(f"{path} holds no table of a split, such as train.csv")
    tables = [reader.read(file, _open(file, csv), n) for n, file in files.items()]
    return _joined(path, tables)


class _Reader:
    """Reads tables whose columns are named alike."""

    def __init__(self, names: Names, unlabelled: bool, anywhere: bool) -> None:
        self.names = names
        self.unlabelled = unlabelled
        self.anywhere = anywhere

    def read(self, path: Path, file: TableFile, split: str | None) -> FeatureTable:
        """Read one file; ``split`` is that of all its rows, if it is one split."""
        where = find_columns(
            path, file.names, self.names, labelled=not self.unlabelled, split=split is None
        )
        features, notes = self._possible(file, where.features)
        where = where._replace(features=features)
        notes += other_columns(file.names, self.names, where)
        columns = file.read(where.names, where.numbers)
        count = len(columns[where.names[0]])
        if not count:
            raise DataError(f"{path} holds no row")
        labels = self._labels(path, columns, where.labels, count)
        splits = splits_of(path, columns, where.splits, split, count)
        sequences, more = self._sequences(path, columns, features)
        extra_labels, others = _extra_labels(path, columns, where.extra_labels)
        texts = texts_of(path, columns, where.text, count)
        notes += [*more, *others, *odd_texts(texts)]
        if not where.text and not sequences:
            raise DataError(
                f"{path}: no column of texts or features ({'; '.join(notes)}): name it with "
                "text_column or audio_column"
            )
        if not where.ids:
            notes.append("the rows are numbered, as no column of ids was found")
        first = next(iter(splits.values()))
        sizes = np.unique(first[first != ""], return_counts=True)[1].tolist()
        return FeatureTable(
            source=str(path),
            ids=ids_of(path, columns, where.ids, count),
            texts=texts,
            labels=labels,
            sequences=sequences,
            splits=splits,
            extra_labels=extra_labels,
            info=describe_source("table", sizes, labels, notes),
        )

    def _possible(
        self, file: TableFile, features: Mapping[str, FeatureColumns]
    ) -> tuple[dict[str, FeatureColumns], list[str]]:
        """Features less what has only their name, and a note on that, from first cells alone."""
        guessed = {name: each for name, each in features.items() if not self.names.features[name]}
        first = file.first_values([name for each in guessed.values() for name in each.names])
        left = {
            name: next((cell for column in each.names if (cell := first.get(column))), None)
            for name, each in guessed.items()
            if not may_hold_features(each, first)
        }
        notes = [_left_out(features[name], shown(cell, 40)) for name, cell in left.items()]
        return {name: each for name, each in features.items() if name not in left}, notes

    def _sequences(
        self, path: Path, columns: Mapping[str, Column], features: Mapping[str, FeatureColumns]
    ) -> tuple[dict[str, Sequences], list[str]]:
        """Features by modality, and a note on columns that have only the name of features."""
        sequences: dict[str, Sequences] = {}
        notes = []
        for modality, where in features.items():
            if not self.names.features[modality] and (misfit := find_misfit(where, columns)):
                notes.append(_left_out(where, misfit))
                continue
            try:
                sequences[modality] = features_of(
                    where, columns, path.parent, anywhere=self.anywhere
                )
            except DataError as error:
                raise DataError(f"{path}: {error}") from error
        return sequences, notes

    def _labels(
        self, path: Path, columns: Mapping[str, Column], names: Sequence[str], count: int
    ) -> NDArray[np.float32]:
        if not names:
            return np.full((count, 1), np.nan, np.float32)
        labels = np.stack([columns[name] for name in names], axis=1)
        missing = np.argwhere(np.isnan(labels))
        if len(missing) and not self.unlabelled:
            row, column = missing[0]
            raise DataError(
                f"{path}: {len(missing)} labels are missing, first in row {row + 1} of "
                f"{names[column]}: give them, leave the rows out, or set unlabelled='keep'"
            )
        return labels


def _extra_labels(
    path: Path, columns: Mapping[str, Column], names: Mapping[str, str]
) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
    """Further labels by name, and a note on columns that have only the name of such."""
    labels, notes = {}, []
    for name, column in names.items():
        cells = columns[column]
        misfits = ((row, c) for row, c in enumerate(cells, 1) if not is_number_or_missing(c))
        if (misfit := next(misfits, None)) is None:
            labels[name] = parse_column(path, column, cells)[:, None]
        else:
            row, cell = misfit
            found = f"{shown(cell, 40)} in row {row}"
            notes.append(f"{column} is left out: it holds no labels, but {found}")
    return labels, notes


def _left_out(where: FeatureColumns, found: str) -> str:
    return f"{where} is left out: it holds no features or .npy files, but {found}"


def _check_separator(separator: str | None) -> str | None:
    sign = "\t" if separator in ("tab", "\\t") else separator
    if sign is not None and (not isinstance(sign, str) or len(sign) != 1):
        raise ConfigError(f"separator must be one sign, or 'tab', got {separator!r}")
    return sign


def _open(path: Path, csv: CsvOptions) -> TableFile:
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        parquet = suffix == ".parquet" or file.read(4) == b"PAR1"
    if parquet:
        # Imported where it is used: pyarrow takes longer to load than most tables.
        from pgf_plugin.datasets.formats.table_parquet import ParquetFile

        return ParquetFile(path)
    if suffix in (".jsonl", ".ndjson", ".json"):
        return JsonFile(path, csv.encoding)
    if suffix == ".tsv" and csv.separator is None:
        csv = csv._replace(separator="\t")
    return CsvFile(path, csv)


def _joined(path: Path, tables: Sequence[FeatureTable]) -> FeatureTable:
    """The tables of all splits as one."""
    first = tables[0]
    for table in tables[1:]:
        for what, own, others in (
            ("features of", sorted(table.sequences), sorted(first.sequences)),
            ("further labels of", sorted(table.extra_labels), sorted(first.extra_labels)),
            ("columns of labels:", table.labels.shape[1], first.labels.shape[1]),
        ):
            if own != others:
                raise DataError(f"{table.source} has {what} {own}, but {first.source} {others}")
    labels = np.concatenate([table.labels for table in tables])
    notes = {note for table in tables for note in table.info.get("notes", [])}
    notes.update(unread_note(path, [Path(table.source) for table in tables]))
    return FeatureTable(
        source=str(path),
        ids=[sample_id for table in tables for sample_id in table.ids],
        texts=[text for table in tables for text in table.texts],
        labels=labels,
        sequences={
            name: JoinedSequences([table.sequences[name] for table in tables])
            for name in first.sequences
        },
        splits={"split": np.concatenate([table.splits["split"] for table in tables])},
        extra_labels={
            name: np.concatenate([table.extra_labels[name] for table in tables])
            for name in first.extra_labels
        },
        info={
            **describe_source("table", [len(table) for table in tables], labels, sorted(notes)),
            "files": [table.source for table in tables],
        },
    )
