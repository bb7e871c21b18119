"""Which column of a table is what: by the names that are usual, or as the user says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pgf_plugin.datasets.formats.options import NONE
from pgf_plugin.datasets.formats.table_csv import SEPARATORS
from pgf_plugin.datasets.formats.table_features import FeatureColumns, find_features
from pgf_plugin.errors import ConfigError, DataError, check_one_of

_IDS = ("id", "sample_id", "utterance_id", "segment_id")
_TEXTS = ("raw_text", "text", "transcript", "transcription", "sentence", "utterance")
_LABELS = ("label", "labels", "sentiment", "score", "regression_label", "regression_labels")
_SPLITS = ("split", "mode", "partition", "subset")
_VIDEO_AND_CLIP = ("video_id", "clip_id")  # MMSA's label.csv
_EXTRA_LABELS = {"text": "label_t", "audio": "label_a", "vision": "label_v"}
_FEATURES = {
    "text": ("text_features", "text"),
    "audio": ("audio", "acoustic"),
    "vision": ("vision", "visual"),
}


class Names(NamedTuple):
    """The columns that the user names; None or empty for those to be found, ``'none'`` for none.

    Attributes:
        ids: the identifiers.
        text: the transcripts.
        labels: the labels.
        splits: the splits.
        features: modality to the column of its features.
    """

    ids: str | None
    text: str | None
    labels: Sequence[str]
    splits: Sequence[str]
    features: Mapping[str, str | None]


class Columns(NamedTuple):
    """The columns of a table.

    Attributes:
        ids: whose texts, joined, identify an utterance; none where the rows are numbered.
        text: the transcripts, if there are any.
        labels: the labels.
        splits: the splits.
        extra_labels: name of further labels to their column, which may hold something else.
        features: modality to its features.
    """

    ids: list[str]
    text: str | None
    labels: list[str]
    splits: list[str]
    extra_labels: dict[str, str]
    features: dict[str, FeatureColumns]

    @property
    def numbers(self) -> list[str]:
        """Columns of numbers."""
        numbered = [name for each in self.features.values() for name in each.numbered]
        return list(dict.fromkeys([*self.labels, *numbered]))

    @property
    def names(self) -> list[str]:
        """All columns that are to be read."""
        texts = [*self.ids, *([self.text] if self.text else []), *self.splits]
        lists = [each.column for each in self.features.values() if each.column]
        return list(dict.fromkeys([*texts, *lists, *self.extra_labels.values(), *self.numbers]))


def find_columns(
    path: Path, names: Sequence[str], chosen: Names, *, labelled: bool, split: bool
) -> Columns:
    """Tell the columns of the table ``path`` apart.

    Args:
        path: the table, for messages.
        names: its columns.
        chosen: those that the user names.
        labelled: whether there must be labels.
        split: whether there must be splits.

    Raises:
        ValueError: for a chosen column that the table does not have, with the nearest, or one of
            features that is chosen for something else, too.
        DataError: if there is no column of labels, splits, or anything to learn from.
    """
    _check_chosen(path, names, chosen)
    free = [name for name in names if name not in chosen.features.values()]
    found = Columns(
        ids=_chosen([chosen.ids] if chosen.ids else [], _id_columns(free)),
        text=next(iter(_chosen([chosen.text] if chosen.text else [], _found(free, _TEXTS))), None),
        labels=_chosen(chosen.labels, _found(free, _LABELS)),
        splits=_chosen(chosen.splits, _found(free, _SPLITS) or _split_columns(free)),
        extra_labels={
            modality: name
            for modality, usual in _EXTRA_LABELS.items()
            if (name := _first(names, [usual])) and name not in chosen.labels
        },
        features={},
    )
    found = found._replace(features=_features(path, names, chosen, found.names))
    for what, missing, option in (
        ("labels", labelled and not found.labels, "label_column (or unlabelled='keep')"),
        ("splits", split and not found.splits, "split_column, or split='train' for all rows"),
        ("texts or features", not (found.text or found.features), "text_column or audio_column"),
    ):
        if missing:
            raise DataError(
                f"{path}: no column of {what} among {list(names)[:20]}: "
                f"{_separator_advice(names) or f'name it with {option}'}"
            )
    return found


def _separator_advice(names: Sequence[str]) -> str:
    """What to do where the names of several columns were read as one; empty if they were not."""
    separator = max(SEPARATORS, key="".join(names).count)
    if len(names) != 1 or separator not in names[0]:
        return ""
    return f"its cells are divided by {separator!r}: set separator={separator!r}"


def other_columns(names: Sequence[str], chosen: Names, found: Columns) -> list[str]:
    """A note on each kind of column that was guessed where others have a usual name for it, too."""
    notes = []
    for what, option, own, usual, named in (
        ("ids", "id_column", found.ids, _IDS, chosen.ids),
        ("texts", "text_column", [found.text] if found.text else [], _TEXTS, chosen.text),
        ("labels", "label_column", found.labels, _LABELS, chosen.labels),
        ("splits", "split_column", found.splits, _SPLITS, chosen.splits),
    ):
        others = [name for name in names if name.lower() in usual and name not in found.names]
        if own and others and not named:
            notes.append(
                f"the {what} are those of {', '.join(own)}; also there: {', '.join(others)} "
                f"({option} chooses)"
            )
    return notes


def _check_chosen(path: Path, names: Sequence[str], chosen: Names) -> None:
    for option, column in (
        ("id_column", chosen.ids),
        ("text_column", chosen.text),
        *(("label_column", name) for name in chosen.labels),
        *(("split_column", name) for name in chosen.splits),
    ):
        if column not in (None, NONE):
            check_one_of(f"{option} for {path}", column, names)


def _features(
    path: Path, names: Sequence[str], chosen: Names, taken: Sequence[str]
) -> dict[str, FeatureColumns]:
    features = {}
    for modality, option in chosen.features.items():
        if option == NONE:
            continue
        bases = _FEATURES[modality] if option is None else (option.lower(),)
        try:
            found = find_features(names, bases, taken)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        if found is not None:
            features[modality] = found
        elif option is not None:
            key = "text_features" if modality == "text" else modality
            check_one_of(f"{key}_column for {path}", option, [*names, NONE])
            raise ConfigError(
                f"{key}_column for {path}: {option!r} has the ids, texts, labels or splits; name "
                f"another column, or {NONE!r}"
            )
    return features


def _first(names: Sequence[str], usual: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[name] for name in usual if name in lower), None)


def _found(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    name = _first(names, usual)
    return [] if name is None else [name]


def _chosen(chosen: Sequence[str], found: list[str]) -> list[str]:
    return [name for name in chosen if name != NONE] if chosen else found


def _id_columns(names: Sequence[str]) -> list[str]:
    video, clip = (_found(names, [name]) for name in _VIDEO_AND_CLIP)
    return _found(names, _IDS) or ([*video, *clip] if video and clip else [])


def _split_columns(names: Sequence[str]) -> list[str]:
    return sorted(name for name in names if name.lower().startswith("split_"))
