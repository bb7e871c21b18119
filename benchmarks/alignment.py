"""Alignment of computational sequences: interval search against ``mmsdk``'s own.

    python -m pip install "pgf-plugin[mmsdk]"
    python benchmarks/alignment.py [--quick] [--repeats N] [--out FILE]

Data: synthetic. Videos have utterances with gaps between them, words, audio at 100 steps a second
of 74 features, and vision at 30 of 35, as the sequences of CMU-MOSI and CMU-MOSEI do. Each task is
done by both sides in this process, on the same arrays, and the results are compared first:

- labels: the steps of words, audio and vision that overlap each utterance;
- words: means of audio and vision over each word, then the words of each utterance.

Both are also timed from ``.csd`` files to arrays in memory, and the peak memory of that is taken,
beyond what the imports need, in a process for each side.
"""

import argparse
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _timing import measure, peak_memory, report, run_alone
from numpy.typing import NDArray
from synthetic_csd import AUDIO, LABELS, VISION, WORDS, Size, Videos, synthetic_sequences

from pgf_plugin.datasets.alignment import find_overlaps
from pgf_plugin.datasets.formats.csd import read_csd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Python warns of its syntax when it is compiled
    from mmsdk import mmdatasdk

Result = dict[str, dict[str, NDArray]]
"""Sequence to utterance ``video[i]`` to its features."""


SIZES = {
    "CMU-MOSI": Size(93, 130, 24, 550),
    "an eighth of CMU-MOSEI": Size(400, 90, 7, 140),
}
QUICK = {"tiny": Size(3, 20, 4, 30)}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what ``mmsdk`` prints out of the way."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


class Sdk:
    """``mmsdk``'s side."""

    def __init__(self, sequences: Mapping[str, Videos]) -> None:
        with quiet():
            self.sequences = {name: self._sequence(name, sequences[name]) for name in sequences}

    @staticmethod
    def _sequence(name: str, videos: Videos) -> Any:
        sequence = mmdatasdk.computational_sequence(name)
        sequence.setData({v: dict(intervals=i, features=f) for v, (i, f) in videos.items()}, name)
        sequence.setMetadata({"root name": name}, name)
        return sequence

    @staticmethod
    def average(_: NDArray, features: NDArray) -> NDArray:
        """Average numbers, and leave words as they are."""
        return features if features.dtype.kind == "S" else np.average(features, axis=0)

    def labels(self) -> Any:
        """Align to the labels."""
        return self._align(LABELS, self.sequences)

    def words(self) -> Any:
        """Align to the words, and then to the labels."""
        others = {name: each for name, each in self.sequences.items() if name != LABELS}
        averaged = self._align(WORDS, others, [self.average])
        return self._align(LABELS, {**averaged, LABELS: self.sequences[LABELS]})

    @staticmethod
    def _align(reference: str, sequences: Mapping[str, Any], collapse: Any = None) -> Any:
        dataset = mmdatasdk.mmdataset.__new__(mmdatasdk.mmdataset)  # it reads files alone
        dataset.computational_sequences = dict(sequences)
        with quiet():
            dataset.align(reference, collapse_functions=collapse)
        return dataset.computational_sequences

    @staticmethod
    def result(aligned: Any) -> Result:
        """The features of ``aligned``."""
        return {
            name: {key: entry["features"] for key, entry in aligned[name].data.items()}
            for name in aligned
            if name != LABELS
        }


class Search:
    """This package's side."""

    def __init__(self, sequences: Mapping[str, Videos]) -> None:
        self.sequences = sequences

    def labels(self) -> Any:
        """Align to the labels: overlaps and the features of their steps."""
        aligned: dict[str, Any] = {WORDS: {}, AUDIO: {}, VISION: {}}
        for video, (reference, _) in self.sequences[LABELS].items():
            for name, each in aligned.items():
                intervals, features = self.sequences[name][video]
                overlaps = find_overlaps(reference, intervals)
                each[video] = overlaps, features[overlaps.steps]
        return aligned

    def words(self) -> Any:
        """Average over words, and take the words of each utterance."""
        aligned: dict[str, Any] = {WORDS: {}, AUDIO: {}, VISION: {}}
        for video, (reference, _) in self.sequences[LABELS].items():
            times, words = self.sequences[WORDS][video]
            overlaps = find_overlaps(reference, times)
            aligned[WORDS][video] = overlaps, words[overlaps.steps]
            for name in (AUDIO, VISION):
                intervals, features = self.sequences[name][video]
                of_words = find_overlaps(times, intervals)
                heard = of_words.lengths > 0
                overlaps = find_overlaps(reference, of_words.span()[heard])
                aligned[name][video] = overlaps, of_words.mean(features)[heard][overlaps.steps]
        return aligned

    @staticmethod
    def result(aligned: Any) -> Result:
        """The features of ``aligned``."""
        return {
            name: {
                f"{video}[{row}]": features[overlaps.of(row)]
                for video, (overlaps, features) in videos.items()
                for row in np.flatnonzero(overlaps.lengths)
            }
            for name, videos in aligned.items()
        }


def compare(expected: Result, got: Result) -> int:
    """Number of arrays that were compared.

    Raises:
        SystemExit: if they differ.
    """
    if {name: set(each) for name, each in expected.items()} != {n: set(e) for n, e in got.items()}:
        raise SystemExit("the two sides align different utterances")
    for name, each in expected.items():
        for key, features in each.items():
            ours = got[name][key]
            close = np.array_equal if name == WORDS else partial(np.allclose, atol=1e-5)
            if ours.shape != features.shape or not close(ours, features):
                raise SystemExit(f"the two sides differ in {name} of {key}")
    return sum(map(len, expected.values()))


def write_files(folder: Path, sequences: Mapping[str, Videos]) -> None:
    """Write ``.csd`` files, as ``mmsdk`` does."""
    with quiet():
        for name, sequence in Sdk(sequences).sequences.items():
            sequence.completeAllMissingMetadata = lambda: None  # it asks at the keyboard
            sequence.deploy(str(folder / f"{name}.csd"))


def read_with_sdk(folder: str) -> None:
    """Read the files of ``folder`` and align them to the labels, with ``mmsdk``."""
    with quiet():
        names = (LABELS, WORDS, AUDIO, VISION)
        dataset = mmdatasdk.mmdataset({name: str(Path(folder, f"{name}.csd")) for name in names})
        dataset.align(LABELS)


def read_all(folder: str) -> None:
    """Read the files of ``folder`` to arrays in memory, with this package."""
    table = read_csd(folder, folds="none")
    for name in ("audio", "vision"):
        _ = table.sequences[name].values


def read_one_by_one(folder: str) -> None:
    """Read every utterance of ``folder`` and keep none, as a conversion does."""
    table = read_csd(folder, folds="none")
    for sequences in table.sequences.values():
        for row in range(len(sequences)):
            _ = sequences[row]


READERS: dict[str, Callable[[str], None]] = {
    "mmsdk": read_with_sdk,
    "into memory": read_all,
    "one by one": read_one_by_one,
}


def rows_of(name: str, size: Size, repeats: int, *, alone: bool) -> Iterator[dict[str, Any]]:
    """Measure all that there is to measure at one size."""
    sequences = synthetic_sequences(size)
    sdk, search = Sdk(sequences), Search(sequences)
    for task in ("labels", "words"):
        theirs, ours = getattr(sdk, task), getattr(search, task)
        compared = compare(sdk.result(theirs()), search.result(ours()))
        seconds = {"mmsdk": measure(theirs, repeats), "ours": measure(ours, repeats)}
        yield _row(name, f"align to {task}, {compared} arrays equal", seconds)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), sequences)
        del sequences, sdk, search
        times = {
            reader: measure(lambda r=read: r(folder), repeats) for reader, read in READERS.items()
        }
        for reader in list(READERS)[1:]:
            seconds = {"mmsdk": times["mmsdk"], "ours": times[reader]}
            yield _row(name, f"files to labels, {reader}", seconds)
        if alone:
            peaks = {r: run_alone(__file__, "--reader", r, "--folder", folder) for r in READERS}
            total = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
            for reader in list(READERS)[1:]:
                both = {"mmsdk": peaks["mmsdk"] / 1e6, "ours": peaks[reader] / 1e6}
                yield _row(name, f"peak memory, {reader}, files of {total:.0f} MB", both, "MB")


def _row(size: str, task: str, both: Mapping[str, float], unit: str = "s") -> dict[str, Any]:
    ratio = both["mmsdk"] / both["ours"]
    return {"size": size, "task": task, "unit": unit, **both, "mmsdk / ours": ratio}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark, or one reader of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny, and without peak memory")
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which the median counts")
    parser.add_argument("--out", metavar="FILE", help="where to write the numbers, as JSON")
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.reader:
        with peak_memory() as peak:
            READERS[args.reader](args.folder)
        print(peak[0])
        return 0
    sizes = QUICK if args.quick else SIZES
    rows = [
        row
        for name, size in sizes.items()
        for row in rows_of(name, size, args.repeats, alone=not args.quick)
    ]
    print(f"Synthetic sequences; medians of {args.repeats} runs.")
    report(rows, args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
