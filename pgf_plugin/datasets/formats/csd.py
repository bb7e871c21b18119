"""Folders of computational sequences of the CMU-MultimodalSDK, read into one table of utterances.

``mmsdk`` itself is asked for the standard folds, and its alignment is what ours is tested against,
but it does not open the files: it follows links to any other file, loads an address instead of a
path from the network, trusts every claimed shape, takes whatever group comes first, prints what it
does, and keeps everything open. They are read with h5py, on which ``mmsdk`` depends, through
:mod:`~pgf_plugin.datasets.formats.safe_hdf5`. Features stay in their files until they are asked
for, and are then read one video at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.formats.csd_file import CsdFile, video_of
from pgf_plugin.datasets.formats.csd_labels import Utterances, read_utterances
from pgf_plugin.datasets.formats.csd_roles import Roles, find_roles
from pgf_plugin.datasets.formats.csd_sequences import (
    CsdFeatures,
    CsdTimes,
    ToLabels,
    ToWords,
    check_covered,
    count_covered,
    other_unit,
)
from pgf_plugin.datasets.formats.csd_words import LATE_WORDS, WordTrack, read_words, word_vectors
from pgf_plugin.datasets.formats.options import text_list
from pgf_plugin.datasets.formats.safe_hdf5 import MAGIC
from pgf_plugin.datasets.sequences import Sequences
from pgf_plugin.datasets.standard_folds import NONE, Folds, detect_folds, read_folds
from pgf_plugin.errors import (
    ConfigError,
    DataError,
    check_bool,
    check_one_of,
    check_positive_int,
)

SUFFIX = ".csd"
_NAMES = {"mosi": "CMU-MOSI", "mosei": "CMU-MOSEI", "pom": "POM"}
_LABEL_RANGES = {"mosi": [-3.0, 3.0], "mosei": [-3.0, 3.0]}


def is_csd(path: Path, head: bytes) -> bool:
    """Whether ``path`` is a folder with computational sequences, or ``head`` begins an HDF5."""
    return head.startswith(MAGIC) or (path.is_dir() and bool(_csd_files(path)))


def read_csd(
    path: str | Path,
    *,
    words: str | None = None,
    text: str | None = None,
    audio: str | None = None,
    vision: str | None = None,
    labels: str | Sequence[str] | None = None,
    align: Literal["labels", "words"] = "labels",
    folds: Folds | None = None,
    pauses: str | Sequence[str] = ("sp",),
    word_shift: int = 0,
    skip_nonfinite: bool = False,
) -> FeatureTable:
    """Join computational sequences to a table whose utterances are the intervals of the labels.

    Videos that a sequence lacks are left out, as ``mmsdk`` does; ``info`` says how many. Overlap is
    that of :mod:`pgf_plugin.datasets.alignment`.

    Args:
        path: a folder of ``.csd`` files, or one of them, which is read with those beside it.
        words: which sequence has the words: name of the file or of the sequence, ``'none'`` for
            none, or None to tell it by content and name. Likewise the next four.
        text: word vectors.
        audio: audio features.
        vision: visual features.
        labels: labels; also several, in a list or with commas between, of which the first has the
            utterances. Its first column is the label, all others are extra labels.
        align: ``'labels'``: an utterance has all steps that overlap it. ``'words'``: it has one
            step a word, in which audio and visual features are averaged.
        folds: ``'mosi'``, ``'mosei'`` or ``'pom'`` for their standard folds; a mapping, or the path
            of a JSON file of one, from video to split or from split to videos; ``'none'``; None to
            tell by the videos. A video in no fold has the split ``''``.
        pauses: words that are none, left out with their times; one or several.
        word_shift: intervals by which the file has its words late. ``info`` has a note where 1 is
            known to be right: ``CMU_MOSI_ModifiedTimestampedWords.csd``.
        skip_nonfinite: leave steps that hold NaN or inf out of a word's average.

    Raises:
        MissingExtraError: if ``h5py`` or ``mmsdk`` is not installed, with the command.
        DataError: if a file is damaged, hostile or no computational sequence; if it cannot be told
            which is which; if two share no video or no segment.
        ConfigError: for options that do not go together.
        ValueError: for an unknown name, or an option of another type.
    """
    check_one_of("align", align, ("labels", "words"))
    check_positive_int("word_shift", word_shift, at_least=0)
    pauses = text_list("pauses", pauses)
    if check_bool("skip_nonfinite", skip_nonfinite) and align == "labels":
        raise ConfigError("skip_nonfinite=True is for averages, which align='labels' does not make")
    folder, files = _open(Path(path).expanduser())
    given = {"words": words, "text": text, "audio": audio, "vision": vision, "labels": labels}
    roles = find_roles(folder, files, given)
    utterances = read_utterances(folder, roles.labels, roles.sequences)
    track = _read_track(folder, roles, utterances, align, pauses, word_shift)
    aligned = _align(roles, utterances, track if align == "words" else None, skip_nonfinite)
    spoken = {} if track is None else {"words": track.times()}
    name, splits = _splits(folds, utterances)
    doubts = [each.doubt for each in aligned.values()]
    if track is not None and track.file not in roles.modalities.values():
        doubts.insert(0, other_unit(utterances, track.file, track.intervals))
    known = {
        "name": _NAMES.get(name),
        "label_range": _LABEL_RANGES.get(name),
        "note": _note(roles, word_shift),
        "warnings": [doubt for doubt in doubts if doubt] or None,
    }
    return FeatureTable(
        source=str(path),
        ids=utterances.ids,
        texts=track.texts() if track is not None and track.words else [""] * len(utterances),
        labels=utterances.labels,
        sequences={modality: each.features for modality, each in aligned.items()},
        splits=splits,
        extra_labels=utterances.extra_labels,
        times={modality: each.times for modality, each in aligned.items()} | spoken,
        info={
            "format": "csd",
            "align": align,
            **{key: value for key, value in known.items() if value is not None},
            "files": [str(file.path) for file in (*roles.labels, *roles.sequences)],
            "videos": len(utterances.videos),
            "videos_left_out": len(roles.labels[0].keys) - len(utterances.videos),
            "utterances_without": {modality: each.empty for modality, each in aligned.items()},
        },
    )


def _csd_files(folder: Path) -> list[Path]:
    """The sequences in a folder, less hidden files: macOS writes ``._COVAREP.csd`` beside one."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() == SUFFIX and not file.name.startswith(".") and file.is_file()
    )


def _open(path: Path) -> tuple[Path, list[CsdFile]]:
    """The folder, and the sequences in it."""
    folder = path if path.is_dir() else path.parent
    files = _csd_files(folder)
    if not path.is_dir() and path not in files:
        files.insert(0, path)
    if not files:
        raise DataError(f"{folder} has no file that ends in {SUFFIX}")
    return folder, [CsdFile(file) for file in files]


def _read_track(
    folder: Path,
    roles: Roles,
    utterances: Utterances,
    align: str,
    pauses: Sequence[str],
    word_shift: int,
) -> WordTrack | None:
    if roles.words is not None:
        track = read_words(roles.words, utterances, pauses, word_shift)
    elif align == "labels":
        return None
    elif "text" in roles.modalities:
        track = word_vectors(roles.modalities["text"], utterances)
    else:
        raise DataError(
            f"align='words' needs a sequence of words or of word vectors, and {folder} has none: "
            "add it, or set align='labels'"
        )
    check_covered(utterances, track.lengths, track.file, track.intervals, roles.labels[0])
    return track


def _note(roles: Roles, word_shift: int) -> str | None:
    if roles.words is None or roles.words.root_name not in LATE_WORDS or word_shift:
        return None
    return f"{roles.words} has every word one interval late: word_shift=1 sets it right"


@dataclass(frozen=True)
class _Aligned:
    """One modality: features, times, how many utterances have nothing, and what looks wrong."""

    features: Sequences
    times: Sequences
    empty: int
    doubt: str | None


def _align(
    roles: Roles, utterances: Utterances, track: WordTrack | None, skip_nonfinite: bool
) -> dict[str, _Aligned]:
    """Align every modality to the words of ``track``, or without one to the labels."""
    aligned = {}
    to_labels = ToLabels(utterances)
    for modality, file in roles.modalities.items():
        if track is None or file is track.file:
            covered = count_covered(utterances, to_labels, file, roles.labels[0])
            features = CsdFeatures(file, utterances, to_labels, covered.counts)
            times: Sequences = CsdTimes(file, utterances, to_labels, covered.counts)
        else:
            to_words = ToWords(track.intervals, track.overlaps, skip_nonfinite)
            covered = count_covered(utterances, to_words, file, track.file)
            features = CsdFeatures(file, utterances, to_words, track.lengths)
            times = track.times()
        doubt = other_unit(utterances, file, covered.ends)
        aligned[modality] = _Aligned(features, times, int((covered.counts == 0).sum()), doubt)
    return aligned


def _splits(folds: Folds | None, utterances: Utterances) -> tuple[str, dict[str, Any]]:
    """Name of the standard folds, empty for own ones, and the split column."""
    if folds is None:
        folds = detect_folds(utterances.videos)
    if folds == NONE:
        return "", {}
    split_of = read_folds(folds, utterances.videos)
    column = np.array([split_of.get(video_of(each), "") for each in utterances.ids])
    return str(folds) if isinstance(folds, str) else "", {"split": column}
