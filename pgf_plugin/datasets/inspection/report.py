"""What `pgf data inspect` tells, as plain values that JSON can hold."""

from dataclasses import asdict, dataclass
from typing import Any

from pgf_plugin.datasets.inspection.published import VersionMatch
from pgf_plugin.datasets.inspection.source import SourceFile


@dataclass(frozen=True)
class ColumnReport:
    """Utterances by split of one split column, and the published version that they are near to."""

    counts: dict[str, int]
    version: VersionMatch | None


@dataclass(frozen=True)
class LabelSplit:
    """The labels of one split.

    Attributes:
        count: utterances that have a finite label.
        missing: those that have none: NaN or inf.
        minimum, maximum, mean: of the labels; None without any.
        zeros: share of the labels that are exactly 0.
        histogram: labels by class.
    """

    count: int
    missing: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    zeros: float | None
    histogram: list[int]


@dataclass(frozen=True)
class LabelReport:
    """One column of labels.

    Attributes:
        scale: ``'-3 to 3'``, ``'-1 to 1'``, or another range.
        classes: what the bins of the histograms are called.
        splits: split to its labels.
    """

    scale: str
    classes: list[str]
    splits: dict[str, LabelSplit]


@dataclass(frozen=True)
class StepsSplit:
    """The sequences of one modality in one split.

    Attributes:
        sequences: their number, those without a step included.
        steps: their steps.
        shortest, median, p95, longest: of their lengths.
        histogram: sequences by length, in the bins of ``ModalityReport.length_edges``.
        padding: share of a batch of all of them that would be padding.
        zero, nan, inf: shares of the steps that are zero throughout, or hold NaN or inf.
        empty: sequences without a step.
        all_zero: sequences of nothing but zero steps.
        repeating: sequences whose steps are all the same.
        hidden: sequences with values beyond their lengths.
    """

    sequences: int
    steps: int
    shortest: int
    median: float
    p95: int
    longest: int
    histogram: list[int]
    padding: float
    zero: float
    nan: float
    inf: float
    empty: int
    all_zero: int
    repeating: int
    hidden: int


@dataclass(frozen=True)
class OddFeature:
    """A feature of extreme scale.

    Attributes:
        feature: its index.
        why: what is extreme.
    """

    feature: int
    why: str


@dataclass(frozen=True)
class ModalityReport:
    """The features of one modality.

    Attributes:
        width: features a step.
        length_edges: edges of the bins of the length histograms.
        splits: split to its sequences.
        constant: features that never change.
        odd: features of extreme scale.
        mean, std, minimum, maximum: of each feature over its finite values; None without any.
    """

    width: int
    length_edges: list[int]
    splits: dict[str, StepsSplit]
    constant: list[int]
    odd: list[OddFeature]
    mean: list[float | None]
    std: list[float | None]
    minimum: list[float | None]
    maximum: list[float | None]


@dataclass(frozen=True)
class TextExample:
    """A text as it is in the data; ``why`` is ``'first'``, ``'shortest'`` or ``'longest'``."""

    why: str
    id: str
    text: str
    label: list[float | None]


@dataclass(frozen=True)
class TextSplit:
    """The texts of one split; lengths in characters, of the texts that are not empty."""

    empty: int
    shortest: int
    median: float
    longest: int
    examples: list[TextExample]


@dataclass(frozen=True)
class Overlap:
    """What several splits share.

    Attributes:
        splits: those splits.
        count: how much they share.
        examples: the first of it.
    """

    splits: list[str]
    count: int
    examples: list[str]


@dataclass(frozen=True)
class IdReport:
    """Identifiers and the videos that they name.

    Attributes:
        repeated: ids that several utterances have, to how many (the first few).
        num_repeated: number of such ids.
        form: form of the ids, such as ``'video$_$clip'``; None where they name no video.
        videos: split to its videos.
        shared_videos: videos that are in several splits.
    """

    repeated: dict[str, int]
    num_repeated: int
    form: str | None
    videos: dict[str, int]
    shared_videos: list[Overlap]


@dataclass(frozen=True)
class Report:
    """What a person wants to know of data before training.

    Attributes:
        source: the file or folder.
        info: what the format tells beside the values, such as ``name`` or ``planted``.
        files: the files that the data come from, with their hashes.
        utterances: their number.
        columns: split column to its counts.
        column: the split column by which all else is told; None without any.
        labels: label to its distribution; ``'label'`` is the one that models learn.
        modalities: modality to its features.
        texts: split to its texts.
        shared_texts: texts that are in several splits.
        ids: identifiers and videos.
        broken: parts that do not fit the others, and why; they are left out.
    """

    source: str
    info: dict[str, Any]
    files: list[SourceFile]
    utterances: int
    columns: dict[str, ColumnReport]
    column: str | None
    labels: dict[str, LabelReport]
    modalities: dict[str, ModalityReport]
    texts: dict[str, TextSplit]
    shared_texts: list[Overlap]
    ids: IdReport
    broken: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return asdict(self)
