"""Runs a model over a split and keeps what it computed on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModel
from numpy.typing import NDArray

from pgf_plugin.datasets.base import Sample
from pgf_plugin.evaluation.look_sums import OUTPUTS, text_mask
from pgf_plugin.explain.alignment import AlignmentError, summarize
from pgf_plugin.explain.contributions import Contributions
from pgf_plugin.explain.counterfactuals import Counterfactual, counterfactuals, editable
from pgf_plugin.explain.errors import errors_of
from pgf_plugin.explain.maps import AttentionMap, read_tokens, step_times
from pgf_plugin.explain.word_times import WordTimes
from pgf_plugin.modality_entries import ModalityEntry, modality_entries
from pgf_plugin.model_access import fused_layers, undisturbed


@dataclass
class Explanation:
    """What was seen of a model.

    Attributes:
        model: name of its class.
        ids: of the N utterances.
        labels, predictions: (N, n_label) and (N, n_out).
        layers: names or numbers of the fused layers that were looked at.
        measure: name of the error, ``'MAE'`` or ``'error rate'``.
        error: its mean over the utterances.
        sums: gates and attention over the split.
        maps: attention of chosen utterances.
        alignment: modality to an alignment error a layer, over all utterances with word times.
        counterfactuals: of every modality asked for.
        notes: what the model or the data lack.
    """

    model: str
    ids: list[str]
    labels: NDArray
    predictions: NDArray
    measure: str
    error: float
    layers: list[str] = field(default_factory=list)
    sums: Contributions = field(default_factory=Contributions)
    maps: list[AttentionMap] = field(default_factory=list)
    alignment: dict[str, list[AlignmentError | None]] = field(default_factory=dict)
    counterfactuals: list[Counterfactual] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Study:
    """A model and the data that it is studied on.

    Attributes:
        model: with its weights.
        dataset: of the split.
        collate: samples to a batch.
        batch_size: utterances a pass.
        times: word times by utterance.
    """

    model: BaseModel
    dataset: Any
    collate: Callable[[Sequence[Sample]], dict[str, Any]]
    batch_size: int
    times: Mapping[str, WordTimes]

    @cached_property
    def _entries(self) -> dict[str, ModalityEntry]:
        return modality_entries(self.model)

    def run(
        self, shown: Sequence[int], modalities: Sequence[str], settings: Mapping[str, int]
    ) -> Explanation:
        """Look at everything.

        Args:
            shown: rows of the utterances that get a map.
            modalities: those to make counterfactuals of.
            settings: of :func:`~pgf_plugin.explain.counterfactuals.edited`.
        """
        samples = [self.dataset[row] for row in range(len(self.dataset))]
        labels = np.asarray(self.dataset.labels)
        errors = errors_of(self.model)

        def error(predictions: NDArray) -> NDArray:
            return errors.of(predictions, labels)

        editables, left_out = editable(self._entries, modalities)
        before, found = counterfactuals(samples, error, self.predict, editables, settings)
        ids = [str(sample["sample_id"]) for sample in samples]
        told = Explanation(
            type(self.model).__name__,
            ids,
            labels,
            before,
            errors.name,
            float(error(before).mean()),
        )
        told.counterfactuals = found
        available = getattr(self.model, "available_outputs", ())
        told.notes = [f"{told.model} has no {name}" for name in OUTPUTS if name not in available]
        if not modalities:
            told.notes.append(f"{told.model} uses no audio and no vision: no counterfactuals")
        told.notes += left_out
        if len(ids) == 1 and modalities:
            told.notes.append("there is one utterance: nothing is swapped")
        if "attention" in available and not self.times:
            told.notes.append("no word times are known: give --word-times FILE")
        if any(name in available for name in OUTPUTS):
            self._look(told, samples, set(shown))
        return told

    def predict(self, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Predictions (N, n_out)."""
        parts = [output.prediction for *_, output in self._passes(samples, ())]
        return torch.cat(parts).float().cpu().numpy()

    def _passes(self, samples: Sequence[Sample], outputs: Sequence[str]):
        """Yield first row, inputs and output of each batch."""
        with undisturbed(self.model):
            for start in range(0, len(samples), self.batch_size):
                batch = self.collate(samples[start : start + self.batch_size])
                inputs = self.model.data_preprocessor(batch, False)["inputs"]
                yield start, inputs, self.model(inputs, mode="tensor", outputs=outputs)

    def _look(self, told: Explanation, samples: Sequence[Sample], shown: set[int]) -> None:
        outputs = [name for name in OUTPUTS if name in self.model.available_outputs]
        errors: dict[tuple[str, int], list] = {}
        layers = 0
        for start, inputs, output in self._passes(samples, outputs):
            lengths = {name: entry.steps(inputs) for name, entry in self._entries.items()}
            mask = text_mask(inputs, output)
            told.sums.add(output.gates or (), output.attention or (), mask, lengths)
            layers = len(output.attention or ())
            told.layers = fused_layers(self.model, layers or len(output.gates or ()))
            if not layers:
                continue
            for row in range(len(mask)):
                sample = samples[start + row]
                if start + row not in shown and str(sample["sample_id"]) not in self.times:
                    continue
                one = self._map(start + row, sample, inputs, output, row)
                if start + row in shown and one.tokens:
                    told.maps.append(one)
                for name in one.step_times:
                    for layer in range(layers):
                        errors.setdefault((name, layer), []).append(one.errors(name, layer))
        told.alignment = {
            name: [summarize(*_joined(errors[name, layer])) for layer in range(layers)]
            for name in self._entries
            if (name, 0) in errors
        }
        if self.times and layers and not any(any(each) for each in told.alignment.values()):
            told.notes.append("no token of these utterances has a word time: no alignment error")

    def _map(
        self, index: int, sample: Sample, inputs: Mapping[str, Any], output: Any, row: int
    ) -> AttentionMap:
        times = self.times.get(str(sample["sample_id"]))
        one = AttentionMap(str(sample["sample_id"]), *read_tokens(self.dataset, sample, times))
        lengths = [entry.steps(inputs) for entry in self._entries.values()]
        weights = torch.stack([layer[row].float().mean(0) for layer in output.attention])
        parts = weights[:, : len(one.tokens)].split(lengths, dim=2)  # (layers, L, T)
        for (name, entry), part in zip(self._entries.items(), parts, strict=True):
            real = part[..., entry.real(inputs)[row]].cpu().numpy()
            one.attention[name] = real
            steps = real.shape[2]
            if times is not None and len(times.words) and steps:
                one.step_times[name] = step_times(self.dataset, index, entry.values, steps, times)
        return one


def _joined(pairs: Sequence[tuple[NDArray, NDArray]]) -> tuple[NDArray, NDArray]:
    """Errors of all utterances, and those of uniform attention."""
    errors, uniform = zip(*pairs, strict=True)
    return np.concatenate(errors), np.concatenate(uniform)
