"""Feature files of MMSA (https://github.com/thuiar/MMSA) and of its extractor MMSA-FET.

The layout is a dict of the splits ``train``, ``valid``, ``test``, each a dict of

- ``id``, ``raw_text``: N of each;
- ``text_bert`` (N, 3, L): BERT token ids, attention mask, segment ids;
- ``text`` (N, L, 768), ``audio`` (N, T_a, D_a), ``vision`` (N, T_v, D_v): zero-padded features;
- ``audio_lengths``, ``vision_lengths``: real steps, in unaligned files alone;
- ``regression_labels`` (N,), and in CH-SIMS and CH-SIMS v2 those of one modality alone, as
  ``regression_labels_T``, ``_A`` and ``_V``; ``classification_labels`` (N,) where there are any;
- ``mask`` (N,), in the split ``train_mix`` of CH-SIMS v2: 0 where an utterance has no label.

Aligned files have one step of audio and vision a BERT token and no lengths; MMSA's models take them
from the attention mask of ``text_bert``, and so does this reader. Text features have that length in
both kinds. Where a file lacks ``text_bert`` too, a sequence ends with its last step that is not
zero throughout. ``annotations`` repeat the labels in words and are not read.

The older files of MulT (``mosi_data.pkl``, ``mosei_senti_data_noalign.pkl``) have the same layout
with ``labels`` (N, 1, 1) and without texts; they are padded at the start.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import FeatureTable, Sequences
from pgf_plugin.datasets.formats.known import Unlabelled, aligned_info, describe_source
from pgf_plugin.datasets.formats.mmsa_split import EXPECTED, MMSASplit, Padding
from pgf_plugin.datasets.formats.options import file_path
from pgf_plugin.datasets.formats.safe_pickle import load_pickle
from pgf_plugin.datasets.formats.texts import describe
from pgf_plugin.datasets.sequences import JoinedSequences
from pgf_plugin.errors import DataError, check_one_of
from pgf_plugin.structures import MODALITIES


def read_mmsa(
    path: Path,
    *,
    text_file: str | Path | None = None,
    audio_file: str | Path | None = None,
    vision_file: str | Path | None = None,
    padding: Padding = "end",
    unlabelled: Unlabelled = "error",
) -> FeatureTable:
    """Read all splits of an MMSA feature file; nothing in it is executed, nothing copied.

    Args:
        path: the file.
        text_file: another such file, whose text features and lengths take the place of those in
            ``path``, matched by id (MMSA's ``feature_T``).
        audio_file: the same for audio (``feature_A``).
        vision_file: the same for vision (``feature_V``).
        padding: the side on which the zeros are: ``'end'``, or ``'start'`` as MMSA-FET writes them
            with ``padding_location='start'``.
        unlabelled: ``'error'`` refuses a split without labels, ``'keep'`` reads NaN for them.

    Raises:
        FileNotFoundError: if one of the separate files does not exist.
        ValueError: for a ``padding`` or ``unlabelled`` that is not allowed, or what is no path.
        DataError: if a file is truncated, hostile, of another layout, or inconsistent.
    """
    check_one_of("padding", padding, ("end", "start"))
    check_one_of("unlabelled", unlabelled, ("error", "keep"))
    splits = _read_splits(path, padding)
    separate = {"text": text_file, "audio": audio_file, "vision": vision_file}
    sequences, notes = _shared_sequences(splits, [n for n in separate if separate[n] is None])
    for name, file in separate.items():
        if file is not None:
            other = file_path(f"{name}_file", file)
            sequences[name] = _separate_sequences(name, other, splits, padding)
    labels = np.concatenate([split.labels(required=unlabelled == "error") for split in splits])
    extra = [split.extra_labels() for split in splits]
    sizes = [len(split) for split in splits]
    info = describe_source("mmsa", sizes, labels, notes)
    files = [str(file) for file in (path, *separate.values()) if file is not None]
    return FeatureTable(
        source=str(path),
        ids=[sample_id for split in splits for sample_id in split.ids],
        texts=[text for split in splits for text in split.texts()],
        labels=labels,
        sequences={name: sequences[name] for name in MODALITIES if name in sequences},
        splits={"split": np.repeat([s.name for s in splits], sizes)},
        extra_labels=_join_extra(extra, sizes),
        info={**info, **aligned_info(sequences.values()), "files": files},
    )


def _read_splits(path: Path, padding: Padding) -> list[MMSASplit]:
    content = load_pickle(path)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: found {describe(content)}, expected {EXPECTED}")
    return [MMSASplit(path, str(name), split, padding) for name, split in content.items()]


def _shared_sequences(
    splits: Sequence[MMSASplit], names: Sequence[str]
) -> tuple[dict[str, Sequences], list[str]]:
    """Features of the modalities that every split has, and a note on those that some lack."""
    sequences: dict[str, Sequences] = {}
    notes = []
    for name in names:
        lacking = [split.name for split in splits if name not in split.content]
        if not lacking:
            sequences[name] = JoinedSequences([split.sequences(name) for split in splits])
        elif len(lacking) < len(splits):
            notes.append(f"{name} is left out: the splits {lacking} have none")
    return sequences, notes


def _separate_sequences(
    name: str, path: Path, splits: Sequence[MMSASplit], padding: Padding
) -> Sequences:
    """Features of modality ``name`` from a file of their own, in the order of ``splits``."""
    if not path.is_file():
        raise FileNotFoundError(f"{name}_file: there is no file {path}")
    others = _read_splits(path, padding)
    lacking = [other.name for other in others if name not in other.content]
    if lacking:
        raise DataError(f"{path}: the splits {lacking} have no {name} features")
    joined = JoinedSequences([other.sequences(name) for other in others])
    wanted = [split.ids for split in splits]
    if wanted == [other.ids for other in others]:
        return joined
    return joined.select(_rows_by_id(path, others, [each for ids in wanted for each in ids]))


def _rows_by_id(
    path: Path, others: Sequence[MMSASplit], wanted: Sequence[str]
) -> NDArray[np.int64]:
    ids = [sample_id for other in others for sample_id in other.ids]
    rows = {sample_id: row for row, sample_id in enumerate(ids)}
    missing = [sample_id for sample_id in wanted if sample_id not in rows]
    if missing:
        raise DataError(
            f"{path} has no features of {len(missing)} of the {len(wanted)} utterances, first "
            f"{missing[0]!r} (its own ids are like {ids[0] if ids else None!r}): extract them again"
        )
    if len(rows) < len(ids):
        raise DataError(
            f"{path}: {len(ids) - len(rows)} ids occur more than once, so that its features cannot "
            "be matched to the utterances"
        )
    return np.array([rows[sample_id] for sample_id in wanted], np.int64)


def _join_extra(
    extra: Sequence[Mapping[str, NDArray[np.float32]]], counts: Sequence[int]
) -> dict[str, NDArray[np.float32]]:
    """Further labels of all splits; NaN for a split that has none of that name."""
    names = dict.fromkeys(name for labels in extra for name in labels)
    return {
        name: np.concatenate(
            [
                labels.get(name, np.full((count, 1), np.nan, np.float32))
                for labels, count in zip(extra, counts, strict=True)
            ]
        )
        for name in names
    }
