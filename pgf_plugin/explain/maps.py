"""Attention of chosen utterances, token by step, with the times of both where known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.planting import Planting
from pgf_plugin.datasets.tokenization import load_tokenizer
from pgf_plugin.explain.alignment import token_centres, token_errors
from pgf_plugin.explain.word_times import WordTimes


@dataclass
class AttentionMap:
    """One utterance.

    Attributes:
        id: of the utterance.
        tokens: L real tokens.
        centres: (L,) middle of each token's word in seconds, NaN where unknown.
        attention: modality to (layers, L, T), the mean over heads.
        step_times: modality to (T,) middle of each step in seconds; empty without word times.
    """

    id: str
    tokens: list[str]
    centres: NDArray
    attention: dict[str, NDArray] = field(default_factory=dict)
    step_times: dict[str, NDArray] = field(default_factory=dict)

    def errors(self, name: str, layer: int) -> tuple[NDArray, NDArray]:
        """Alignment errors of the tokens that have a time, and those of uniform attention."""
        return token_errors(self.attention[name][layer], self.step_times[name], self.centres)


def read_tokens(
    dataset: Any, sample: Mapping[str, Any], times: WordTimes | None
) -> tuple[list[str], NDArray]:
    """Tokens of a sample, and the middle of each one's word in seconds (NaN without).

    A text whose tokens the transforms changed has no times.
    """
    if "input_ids" not in sample:
        count = len(sample["text"]) if "text" in sample else 0
        return [str(place + 1) for place in range(count)], np.full(count, np.nan)
    ids = np.asarray(sample["input_ids"]).tolist()
    tokenizer = load_tokenizer(dataset.tokenizer)
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(ids)]
    nothing = np.full(len(ids), np.nan)
    if times is None or not tokenizer.is_fast:
        return tokens, nothing
    (text,) = dataset.as_read([sample["raw_text"]])
    encoded = tokenizer(text, truncation=True, max_length=len(ids), return_offsets_mapping=True)
    if encoded["input_ids"] != ids:
        return tokens, nothing
    before = len(dataset.text_prefix)  # which nobody speaks
    spans = [(max(b - before, 0), max(e - before, 0)) for b, e in encoded["offset_mapping"]]
    return tokens, token_centres(text[before:], spans, times)


def step_times(dataset: Any, row: int, name: str, steps: int, times: WordTimes) -> NDArray:
    """Middle of each of ``steps`` steps in seconds, (T,).

    Those of the data where they tell; of planted data, whose rate is known, those of the rate;
    else the steps share the time to the end of the last word evenly.
    """
    table = dataset.table
    told = name in table.times and not dataset.pipeline
    if told and len(known := table.times[name][row]) == steps:
        return np.asarray(known, np.float64).mean(axis=1)
    places = np.arange(steps) + 0.5
    if "planted" in table.info and not dataset.pipeline:
        modality = Planting.from_info(table.info["planted"]).modalities.get(name)
        if modality is not None:
            return places / modality.rate
    return places * times.intervals[-1, 1] / steps
