"""Where the gates of a tested model open and where its attention looks, for the report."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.runner import Runner
from torch import Tensor

from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.datasets.tokenization import load_tokenizer
from pgf_plugin.evaluation.look_sums import OUTPUTS, AttentionSums, GateSums, rounded, text_mask
from pgf_plugin.modality_entries import modality_entries
from pgf_plugin.model_access import undisturbed, unwrap
from pgf_plugin.structures import MSADataSample, MSAOutput

LOOKS_FILE = "looks.json"
LOOKS_VERSION = 1

MAX_UTTERANCES = 256
"""Test utterances to look at; whole batches, so that there may be a few more."""

MAX_MAPS, MAX_TOKENS, MAX_BINS = 3, 24, 16
"""Utterances that are shown token by token, their tokens, and the bins of a modality's steps."""


@dataclass
class UtteranceLook:
    """One utterance, token by token.

    Attributes:
        id, text, label, prediction: as in the predictions; label None where there is none.
        tokens: L real tokens, at most 24.
        steps: modality to its real steps.
        gates: (layers, L) mean gate of each token.
        attention: modality to (layers, L, bins) attention, the mean over heads; its steps are
            summed to at most 16 bins of equal width.
    """

    id: str
    text: str
    label: float | None
    prediction: float
    tokens: list[str]
    steps: dict[str, int] = field(default_factory=dict)
    gates: list[list[float]] = field(default_factory=list)
    attention: dict[str, list[list[list[float]]]] = field(default_factory=dict)


@dataclass
class Looks:
    """What was seen of one trial's model on its test set.

    Attributes:
        utterances: utterances that were looked at, the first of the test set.
        first_layer: number of the first fused layer.
        gates: ``mean``, ``std``, ``saturation`` (a number a layer) and ``groups`` ((layers, G)
            means of neighbouring dimensions), of real tokens; empty without gates.
        attention: modality to its share of the attention in each layer; empty without.
        maps: a few utterances, token by token.
    """

    utterances: int
    first_layer: int = 0
    gates: dict[str, list] = field(default_factory=dict)
    attention: dict[str, list[float]] = field(default_factory=dict)
    maps: list[UtteranceLook] = field(default_factory=list)


def save_looks(runner: Runner, folder: Path) -> None:
    """Look at the model of ``runner`` on its test set and write ``looks.json``.

    Nothing is written for a model without gates and attention. A model whose outputs are not as
    :class:`~pgf_plugin.structures.MSAOutput` says is warned about: its numbers are not touched.
    """
    available = getattr(unwrap(runner.model), "available_outputs", ())
    if get_rank() != 0 or not any(name in available for name in OUTPUTS):
        return
    try:
        looks = take_looks(runner)
    except Exception as error:  # noqa: BLE001 - a picture must not cost a finished trial
        runner.logger.warning(f"no picture of gates and attention: {type(error).__name__}: {error}")
        return
    content = {"schema_version": LOOKS_VERSION, **asdict(looks)}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    AtomicLocalBackend().put_text(text, folder / LOOKS_FILE)


def load_looks(folder: Path) -> Looks | None:
    """Read ``looks.json``; None where there is none that this version wrote whole."""
    try:
        content = json.loads((folder / LOOKS_FILE).read_text(encoding="utf-8"))
        if content.pop("schema_version") != LOOKS_VERSION:
            return None
        looks = Looks(**content)
        looks.maps = [UtteranceLook(**look) for look in content["maps"]]
        parts = [looks.gates, looks.attention, *(look.attention for look in looks.maps)]
        numbers = [values for part in parts for values in part.values()]
        for values in (*numbers, *(look.gates for look in looks.maps), looks.first_layer):
            np.asarray(values, dtype=float)  # raises where they are ragged, or no numbers
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return looks


def take_looks(runner: Runner) -> Looks:
    """Run the model on the first batches of the test set and sum up what it computed on the way."""
    model = unwrap(runner.model)
    asked = [name for name in OUTPUTS if name in model.available_outputs]
    entries = modality_entries(model)
    tokenizer = getattr(runner.test_dataloader.dataset, "tokenizer", None)
    gates, attention = GateSums(), AttentionSums()
    looks = Looks(0, getattr(model, "start_fusion_layer", 0))
    with undisturbed(model), runner.optim_wrapper.optim_context(model):
        for batch in runner.test_dataloader:
            data = model.data_preprocessor(batch, False)
            inputs, samples = data["inputs"], data["data_samples"]
            output = model(inputs, mode="tensor", outputs=asked)
            mask = text_mask(inputs, output)
            lengths = {name: entry.steps(inputs) for name, entry in entries.items()}
            gates.add(output.gates or (), mask)
            attention.add(output.attention or (), mask, lengths)
            looks.utterances += len(samples)
            if not looks.maps:
                masks = {name: entry.real(inputs) for name, entry in entries.items()}
                looks.maps = list(_maps(inputs, samples, output, mask, masks, tokenizer))
            if looks.utterances >= MAX_UTTERANCES:
                break
    looks.gates, looks.attention = gates.summary(), attention.summary()
    return looks


def _maps(
    inputs: Mapping[str, Tensor],
    samples: list[MSADataSample],
    output: MSAOutput,
    mask: Tensor,
    masks: Mapping[str, Tensor],
    tokenizer: str | None,
) -> Iterator[UtteranceLook]:
    """The first utterances of a batch that have a step to look at, by ``masks`` (B, T)."""
    predictions = cast(Tensor, output.prediction)
    seen = [row for row in range(len(samples)) if any(m[row].any() for m in masks.values())]
    for row in seen[:MAX_MAPS]:
        kept = mask[row].nonzero()[:MAX_TOKENS, 0]  # (L,)
        yield UtteranceLook(
            id=str(samples[row].get("sample_id", "")),
            text=str(samples[row].get("raw_text", "")),
            label=float(samples[row].label.flatten()[0]) if "label" in samples[row] else None,
            prediction=float(predictions[row].flatten()[0]),
            tokens=_tokens(inputs, row, kept, tokenizer),
            steps={name: int(m[row].sum()) for name, m in masks.items()},
            gates=[rounded(gate[row, kept].float().mean(-1)) for gate in output.gates or ()],
            attention=_attention_bins(
                [layer[row].float().mean(0)[kept] for layer in output.attention or ()],
                {name: m[row] for name, m in masks.items()},
            ),
        )


def _tokens(
    inputs: Mapping[str, Tensor], row: int, kept: Tensor, tokenizer: str | None
) -> list[str]:
    """The tokens as texts; their numbers where the text came as features."""
    if tokenizer is None or "input_ids" not in inputs:
        return [str(position + 1) for position in kept.tolist()]
    ids = inputs["input_ids"][row, kept].tolist()
    return [str(token) for token in load_tokenizer(tokenizer).convert_ids_to_tokens(ids)]


def _attention_bins(layers: list[Tensor], masks: Mapping[str, Tensor]) -> dict[str, list]:
    """Cut the attention of one utterance, (L, sum of T) a layer, into modalities and bins."""
    if not layers:
        return {}
    found: dict[str, list] = {name: [] for name, mask in masks.items() if mask.any()}
    for layer in layers:
        parts = layer.split([len(mask) for mask in masks.values()], dim=1)
        for part, (name, mask) in zip(parts, masks.items(), strict=True):
            if name in found:
                real = part[:, mask]  # (L, T)
                bins = real.tensor_split(min(MAX_BINS, real.shape[1]), dim=1)
                found[name].append(rounded(torch.stack([b.sum(1) for b in bins], dim=1)))
    return found
