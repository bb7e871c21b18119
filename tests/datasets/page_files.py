"""The files that a reader of docs/bring_your_data.md has, small and random."""

import pickle
from pathlib import Path

import numpy as np
from mmsa_files import mmsa_content, write_mmsa
from numpy.typing import NDArray
from table_files import write_table

UTTERANCES = [
    {"id": f"clip_{row}", "text": f"number {row} was fine", "label": row / 4 - 1, "split": split}
    for row, split in enumerate(["train"] * 6 + ["valid"] * 3 + ["test"] * 3)
]
WORDS = ["so", "this", "was", "not", "bad", "at", "all"]
RNG = np.random.default_rng(0)


def random(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(size=shape).astype(np.float32)


def write_mmsa_files(folder: Path) -> None:
    """MOSI, whose audio holds -inf, and CH-SIMS."""
    for name in ("MOSI", "SIMS"):
        (folder / name).mkdir()
    write_mmsa(folder / "MOSI" / "aligned_50.pkl", mmsa_content(aligned=True))
    mosi, sims = (mmsa_content(aligned=False) for _ in range(2))
    mosi["train"]["audio"][0, 0] = -np.inf
    write_mmsa(folder / "MOSI" / "unaligned_50.pkl", mosi)
    for split in sims.values():
        split["regression_labels"] /= 3
        for modality in "TAV":
            split[f"regression_labels_{modality}"] = np.tanh(random(len(split["id"])))
        for name, width in (("audio", 33), ("vision", 709)):
            split[name] = random(*split[name].shape[:2], width)
    write_mmsa(folder / "SIMS" / "unaligned_39.pkl", sims)


def write_extracted_files(folder: Path) -> None:
    """Features of one modality, in another order than the file that they go with."""
    for name, width in (("audio", 25), ("vision", 17)):
        splits = {}
        for split, content in mmsa_content(aligned=False).items():
            kept = ("id", f"{name}_lengths", "regression_labels")
            splits[split] = {key: list(content[key])[::-1] for key in kept}
            splits[split][name] = random(*content[name].shape[:2], width)
        write_mmsa(folder / f"fet_{name}.pkl", splits)


def write_misa_files(folder: Path) -> None:
    """One list of tuples a split."""
    (folder / "MISA").mkdir()
    for split, count in (("train", 6), ("dev", 3), ("test", 3)):
        rows = [
            (([], random(n, 47), random(n, 74), WORDS[:n]), random(1, 1), f"{split}[{n}]")
            for n in range(1, count + 1)
        ]
        (folder / "MISA" / f"{split}.pkl").write_bytes(pickle.dumps(rows))


def write_csd_files(folder: Path) -> None:
    """Three videos of CMU-MOSI, one a standard fold; skips the test without ``mmsdk``."""
    from csd_files import mmsdk, synthetic_sequences, write_folder

    folds = mmsdk.cmu_mosi.standard_folds
    videos = [getattr(folds, f"standard_{name}_fold")[0] for name in ("train", "valid", "test")]
    widths = {"COVAREP": 74, "FACET": 35}
    renamed = {}
    for name, content in synthetic_sequences().items():
        renamed[name] = {
            video: (times, random(len(steps), widths[name]) if name in widths else steps)
            for video, (times, steps) in zip(videos, content.values(), strict=True)
        }
    renamed["CMU_MOSI_ModifiedTimestampedWords"] = renamed.pop("words")
    (folder / "CSD").mkdir()
    write_folder(folder / "CSD", renamed)


def write_tables(folder: Path) -> None:
    """Texts alone, lists of numbers, paths of arrays, and two split columns."""
    write_table(folder / "reviews.csv", UTTERANCES)
    lists = [{**row, "audio": random(40).tolist()} for row in UTTERANCES]
    write_table(folder / "clips.jsonl", lists)
    (folder / "features").mkdir()
    rows = [dict(row) for row in UTTERANCES]
    for name, width in (("audio", 40), ("vision", 16)):
        for number, row in enumerate(rows):
            row[f"{name}_path"] = f"features/{row['id']}_{name}.npy"
            np.save(folder / row[f"{name}_path"], random(number % 4 + 1, width))
    write_table(folder / "sequences.parquet", rows)
    columns = {key: np.array([row[key] for row in UTTERANCES]) for key in UTTERANCES[0]}
    np.savez(
        folder / "utterances.npz",
        id=columns["id"],
        raw_text=columns["text"],
        label=columns["label"],
        audio=random(len(UTTERANCES), 73),
        split_standard=columns["split"],
        split_mine=columns["split"][::-1],
    )
