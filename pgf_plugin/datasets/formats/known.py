"""What the formats have in common: names of splits, and the published data sets."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import EVERY_SPLIT_NAME, SPLITS, canonical_split
from pgf_plugin.datasets.features import Sequences
from pgf_plugin.errors import DataError


class Published(NamedTuple):
    """A published data set.

    Attributes:
        counts: utterances of the training, validation and test split.
        label_range: smallest and largest label.
    """

    counts: tuple[int, int, int]
    label_range: tuple[float, float]


PUBLISHED = {
    "MOSI": Published((1284, 229, 686), (-3.0, 3.0)),
    "MOSEI": Published((16326, 1871, 4659), (-3.0, 3.0)),
    "CH-SIMS": Published((1368, 456, 457), (-1.0, 1.0)),
    "CH-SIMS v2": Published((2722, 647, 1034), (-1.0, 1.0)),
}

Unlabelled = Literal["error", "keep"]
"""Whether utterances without label are refused, or read with NaN."""

_RANGES = ((-1.0, 1.0), (-3.0, 3.0))

_MISTAKES = 0.01
"""Share of labels up to which those outside a range are mistakes; more are of another scale."""


def split_files(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """The files in ``folder`` that hold one split each, by the name that they give it.

    They have the names of splits, in any case, and come in the order of the splits.

    Args:
        folder: where they are, such as ``train.csv``.
        suffixes: of the files, each with its dot.

    Raises:
        DataError: if there are two of one split, under one name or two.
    """
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        split = canonical_split(file.stem)
        if split in SPLITS and file.suffix.lower() in suffixes and file.is_file():
            found.setdefault(split, []).append(file)
    for split, files in found.items():
        if len(files) > 1:
            raise DataError(
                f"{folder} holds {[file.name for file in files]}, which are one split, {split!r}: "
                "leave one of them"
            )
    return {found[split][0].stem.lower(): found[split][0] for split in SPLITS if split in found}


def unread_note(folder: Path, files: Collection[Path]) -> list[str]:
    """A note on what lies beside the ``files`` of splits, ends like one, and was not read."""
    ends = {file.suffix.lower() for file in files}
    others = sorted(
        file.name
        for file in folder.iterdir()
        if file not in files and file.suffix.lower() in ends and file.is_file()
    )
    if not others:
        return []
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return [
        f"not read: {', '.join(others[:3])}{more}; a file of a split has one of the names "
        f"{', '.join(EVERY_SPLIT_NAME)}"
    ]


def aligned_info(sequences: Iterable[Sequences]) -> dict[str, bool]:
    """``aligned``: whether all modalities have the same steps; nothing for one modality alone."""
    lengths = [each.lengths for each in sequences]
    if len(lengths) < 2:
        return {}
    return {"aligned": all(np.array_equal(lengths[0], other) for other in lengths[1:])}


def describe_source(
    format: str,
    counts: Sequence[int],
    labels: NDArray[np.float32],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """What a reader says of its data in ``FeatureTable.info``.

    Args:
        format: name of the format.
        counts: utterances of each split.
        labels: (N, n_out), NaN where there is none.
        notes: what a person should know of how the file was read.

    Returns:
        ``format``; ``name`` if the counts are those of a published data set; ``label_range`` of
        that, or else the narrowest of the usual ones that holds the labels, but for one in a
        hundred that may be a mistake; ``notes`` if any.
    """
    info: dict[str, Any] = {"format": format}
    sizes = sorted(counts)
    ranges = [limits for limits in _RANGES if _holds(limits, labels)]
    for name, published in PUBLISHED.items():
        if sizes == sorted(published.counts) and published.label_range in ranges:
            info["name"] = name
            ranges = [published.label_range]
    if ranges:
        info["label_range"] = list(ranges[0])
    if notes:
        info["notes"] = list(notes)
    return info


def _holds(limits: tuple[float, float], labels: NDArray[np.float32]) -> bool:
    """Whether a range is the scale of the labels, whatever single ones say."""
    outside = (labels < limits[0]) | (labels > limits[1])
    return bool(outside.sum() <= _MISTAKES * labels.size)
