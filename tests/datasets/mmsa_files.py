"""Feature files in MMSA's layout, small and random."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

TOKENS, AUDIO_STEPS, VISION_STEPS = 12, 15, 9
SIZES = {"train": 6, "valid": 3, "test": 4}


def mmsa_content(*, aligned: bool, seed: int = 0) -> dict[str, Any]:
    """A dict as MMSA's ``aligned_50.pkl`` or ``unaligned_50.pkl`` holds it."""
    rng = np.random.default_rng(seed)
    return {name: _split(rng, name, count, aligned) for name, count in SIZES.items()}


def write_mmsa(path: Path, content: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def _split(rng: np.random.Generator, name: str, count: int, aligned: bool) -> dict[str, Any]:
    lengths = {"text": rng.integers(3, TOKENS + 1, count)}
    for modality, steps in (("audio", AUDIO_STEPS), ("vision", VISION_STEPS)):
        lengths[modality] = lengths["text"] if aligned else rng.integers(1, steps + 1, count)
    steps = (
        dict.fromkeys(lengths, TOKENS)
        if aligned
        else {"text": TOKENS, "audio": AUDIO_STEPS, "vision": VISION_STEPS}
    )
    widths = {"text": 8, "audio": 5, "vision": 20}
    split = {
        "id": [f"{name}$_${row}" for row in range(count)],
        "raw_text": np.array([f"utterance {row} of {name}" for row in range(count)]),
        "regression_labels": rng.uniform(-3, 3, count).astype(np.float32),
        "classification_labels": rng.integers(0, 3, count),
        "annotations": np.array(["Neutral"] * count, dtype=object),
    }
    for modality, width in widths.items():
        values = rng.normal(2.0, 3.0, (count, steps[modality], width)).astype(np.float32)
        real = np.arange(steps[modality]) < lengths[modality][:, None]
        split[modality] = values * real[..., None]
        if not aligned and modality != "text":
            split[f"{modality}_lengths"] = lengths[modality].tolist()
    mask = np.arange(TOKENS) < lengths["text"][:, None]
    split["text_bert"] = np.stack([mask * 7, mask, mask * 0], axis=1).astype(np.int64)
    return split
