"""A synthetic feature file of the shape of MMSA's ``unaligned_50.pkl`` of CMU-MOSI.

Values are noise; lengths follow CMU-MOSI: the figures below were fitted to its 2199 utterances
(seconds and words of the transcripts, tokens of BERT's uncased vocabulary).
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"train": 1284, "valid": 229, "test": 686}
STEPS = {"text": 50, "audio": 500, "vision": 375}
DIMS = {"text": 768, "audio": 5, "vision": 20}

LOG_SECONDS = (1.218, 0.664)
"""Mean and deviation of the logarithm of an utterance's seconds."""

LOG_WORDS = (0.798, 1.361, 0.319)
"""log(words) = 0.798 log(seconds) + 1.361, with this deviation."""

TOKENS = (1.07, 2.0)
"""Tokens = 1.07 words + the two special tokens."""

LONGEST_SECONDS = 30.0
"""Where audio and vision are cut: the seconds that their padded lengths hold."""

WORDS = (
    *("the", "movie", "was", "really", "good", "bad", "i", "think", "that", "it", "is", "a"),
    *("great", "film", "but", "not", "very", "funny"),
)


def write_synthetic_mosi(path: Path, share: float = 1.0, seed: int = 0) -> Path:
    """Write the file.

    Args:
        path: where.
        share: of CMU-MOSI's number of utterances, for a quick run.
        seed: of everything random.
    """
    rng = np.random.default_rng(seed)
    sizes = {name: max(1, round(size * share)) for name, size in SIZES.items()}
    content = {name: _split(rng, name, count) for name, count in sizes.items()}
    with path.open("wb") as file:
        pickle.dump(content, file, protocol=4)
    return path


def _split(rng: np.random.Generator, name: str, count: int) -> dict[str, Any]:
    words, lengths = _lengths(rng, count)
    split: dict[str, Any] = {
        "id": [f"synthetic$_${name}{row}" for row in range(count)],
        "raw_text": np.array([" ".join(rng.choice(WORDS, number)) for number in words]),
        "regression_labels": rng.uniform(-3, 3, count).astype(np.float32),
        "classification_labels": rng.integers(0, 3, count),
        "annotations": np.array(["Neutral"] * count),
    }
    for modality, dim in DIMS.items():
        values = rng.standard_normal((count, STEPS[modality], dim), np.float32)
        values[np.arange(STEPS[modality]) >= lengths[modality][:, None]] = 0
        split[modality] = values
        split[f"{modality}_lengths"] = lengths[modality].tolist()
    del split["text_lengths"]  # MMSA's files have the mask of text_bert instead
    mask = np.arange(STEPS["text"]) < lengths["text"][:, None]
    ids = rng.integers(1000, 30000, mask.shape) * mask
    split["text_bert"] = np.stack([ids, mask, np.zeros_like(ids)], axis=1).astype(np.float32)
    return split


def _lengths(rng: np.random.Generator, count: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Words of each utterance, (count,), and the steps of each modality."""
    log_seconds = rng.normal(*LOG_SECONDS, count)
    slope, intercept, deviation = LOG_WORDS
    log_words = slope * log_seconds + intercept + rng.normal(0, deviation, count)
    words = np.maximum(np.exp(log_words).astype(int), 1)
    tokens = np.minimum(words * TOKENS[0] + TOKENS[1], STEPS["text"]).astype(int)
    lengths = {"text": tokens}
    for modality in ("audio", "vision"):
        rate = STEPS[modality] / LONGEST_SECONDS
        steps = np.exp(log_seconds) * rate
        lengths[modality] = np.clip(steps, 1, STEPS[modality]).astype(int)
    return words, lengths
