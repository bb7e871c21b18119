"""What was published of the data sets: utterances by split, and the SHA-256 of feature files."""

from collections.abc import Mapping
from dataclasses import dataclass

from pgf_plugin.datasets.checks import SPLITS
from pgf_plugin.datasets.formats.known import PUBLISHED

NEAR = 0.25
"""Counts are compared with a version up to this share of its utterances away."""


@dataclass(frozen=True)
class PublishedFile:
    """A feature file whose hash somebody published.

    Attributes:
        owner: whose file it is.
        path: its path in the owner's folder.
        dataset: the data set.
        source: where the hash is published.
    """

    owner: str
    path: str
    dataset: str
    source: str

    def __str__(self) -> str:
        return f"{self.owner}'s {self.path}"


_MMSA = "README of MMSA 2.2.1, section Datasets, https://github.com/thuiar/MMSA"


def _of_mmsa(path: str, dataset: str) -> PublishedFile:
    return PublishedFile("MMSA", path, dataset, _MMSA)


PUBLISHED_FILES: Mapping[str, PublishedFile] = {
    "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524": _of_mmsa(
        "MOSI/Processed/unaligned_50.pkl", "CMU-MOSI"
    ),
    "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9": _of_mmsa(
        "MOSI/Processed/aligned_50.pkl", "CMU-MOSI"
    ),
    "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f": _of_mmsa(
        "MOSEI/Processed/unaligned_50.pkl", "CMU-MOSEI"
    ),
    "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791": _of_mmsa(
        "MOSEI/Processed/aligned_50.pkl", "CMU-MOSEI"
    ),
    "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f": _of_mmsa(
        "SIMS/Processed/unaligned_39.pkl", "CH-SIMS"
    ),
}
"""SHA-256 to file. The authors of CH-SIMS v2 publish no hash of ``ch-simsv2s.pkl``."""


@dataclass(frozen=True)
class PublishedVersion:
    """Utterances by split of one version of a data set.

    Attributes:
        name: data set, and whose version.
        counts: ``'train'``, ``'val'``, ``'test'`` to utterances; a split it lacks is left out.
        source: where the counts are published.
    """

    name: str
    counts: Mapping[str, int]
    source: str


_MMSA_COUNTS = "MMSA, https://github.com/thuiar/MMSA"


def _usual(name: str, known: str, source: str = _MMSA_COUNTS) -> PublishedVersion:
    """The version of a data set that the readers know."""
    counts = zip(SPLITS, PUBLISHED[known].counts, strict=True)
    return PublishedVersion(name, dict(counts), source)


PUBLISHED_VERSIONS = (
    _usual("CMU-MOSI", "MOSI"),
    _usual("CMU-MOSEI", "MOSEI"),
    _usual("CH-SIMS", "CH-SIMS"),
    _usual(
        "CH-SIMS v2",
        "CH-SIMS v2",
        "CH-SIMS v2.0, supervised part, https://github.com/thuiar/ch-sims-v2",
    ),
    PublishedVersion(
        "CMU-MOSI, split of bc-LSTM",
        {"train": 1447, "test": 752},
        "Poria et al., ACL 2017: 62 and 31 videos",
    ),
    PublishedVersion(
        "CMU-MOSI, aligned by the CMU SDK",
        {"train": 1283, "val": 214, "test": 686},
        "https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK/issues/2",
    ),
    PublishedVersion(
        "CMU-MOSEI, files of MulT",
        {"train": 16265, "val": 1869, "test": 4643},
        "mosei_senti_data.pkl of https://github.com/yaohungt/Multimodal-Transformer",
    ),
)
"""Versions of the data sets, the usual ones first."""


@dataclass(frozen=True)
class VersionMatch:
    """How the utterances of a file compare with the nearest published version.

    Attributes:
        name: the version.
        source: where its counts are published.
        counts: its utterances by split.
        exact: whether every split has its count.
        lacking: splits of the version that the file lacks; with no difference in the others, the
            file is a part of that version.
        differences: split to utterances more (or fewer) than published, where they differ.
    """

    name: str
    source: str
    counts: dict[str, int]
    exact: bool
    lacking: list[str]
    differences: dict[str, int]

    def __str__(self) -> str:
        published = ", ".join(f"{split} {count:,}" for split, count in self.counts.items())
        name = f"{self.name} ({published})"
        if self.exact:
            return f"matches {name}"
        parts = [f"{split} {difference:+,}" for split, difference in self.differences.items()]
        parts += [f"no {split}" for split in self.lacking]
        return f"{'nearest' if self.differences else 'part of'} {name}: {', '.join(parts)}"


def match_version(counts: Mapping[str, int]) -> VersionMatch | None:
    """Find the published version nearest to ``counts``, utterances by canonical split name.

    Returns:
        None where none is near.
    """
    present = {split: count for split, count in counts.items() if count}
    if not present:
        return None
    matches = [(_distance(present, version), version) for version in PUBLISHED_VERSIONS]
    distance, nearest = min(matches, key=lambda match: match[0])
    if distance > NEAR:
        return None
    differences = {
        split: count - nearest.counts.get(split, 0)
        for split, count in present.items()
        if count != nearest.counts.get(split, 0)
    }
    lacking = [split for split in nearest.counts if split not in present]
    exact = not differences and not lacking
    published = dict(nearest.counts)
    return VersionMatch(nearest.name, nearest.source, published, exact, lacking, differences)


def _distance(counts: Mapping[str, int], version: PublishedVersion) -> float:
    """Utterances too many or too few, as a share of the version's; missing splits weigh little."""
    shared = [split for split in counts if split in version.counts]
    off = sum(abs(count - version.counts.get(split, 0)) for split, count in counts.items())
    lacking = len(version.counts) - len(shared)
    return off / sum(version.counts[split] for split in shared) + 1e-6 * lacking if shared else 1.0
