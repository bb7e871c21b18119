"""What a model predicts where a modality is dropped, another utterance's, or late."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pgf_plugin.datasets.base import Sample
from pgf_plugin.datasets.foreign import partners
from pgf_plugin.datasets.transforms.base import FEATURES
from pgf_plugin.datasets.transforms.missing_modality import without
from pgf_plugin.datasets.transforms.shift import TimeShift
from pgf_plugin.errors import ConfigError, did_you_mean
from pgf_plugin.evaluation.statistics import bootstrap_interval
from pgf_plugin.modality_entries import ModalityEntry

EDITS = ("drop", "swap", "shift")


class Editable(NamedTuple):
    """What can be done to one modality.

    Attributes:
        name: of the modality in the model.
        key: under which a sample holds its steps.
        edits: of :data:`EDITS`.
    """

    name: str
    key: str
    edits: tuple[str, ...] = EDITS


@dataclass(frozen=True)
class Counterfactual:
    """One edit of one modality.

    Attributes:
        modality: which.
        edit: ``'drop'``, ``'swap'`` or ``'shift'``.
        predictions: (N, n_out) of the edited samples.
        mean_change: mean absolute change of the prediction.
        error_change: mean change of the error; above 0 where the edit does harm.
        low, high: its 95 % interval, bootstrapped over utterances (paired).
    """

    modality: str
    edit: str
    predictions: NDArray
    mean_change: float
    error_change: float
    low: float
    high: float

    def numbers(self) -> dict[str, Any]:
        """All but the predictions."""
        return {name: value for name, value in vars(self).items() if name != "predictions"}


def check_modalities_used(names: Sequence[str], used: Sequence[str], model: str) -> list[str]:
    """Return ``names``, or all ``used`` where there are none.

    Raises:
        ConfigError: for the text, and for a modality that the model does not use.
    """
    for name in names:
        if not used:
            raise ConfigError(
                f"--modalities: {model} uses the text alone, which is not dropped, swapped or "
                f"shifted, got {name!r}: leave the option out"
            )
        if name not in used:
            allowed = ", ".join(map(repr, used))
            raise ConfigError(
                f"--modalities must be of those that {model} uses beside the text, {allowed}, got "
                f"{name!r}: no other can be dropped, swapped or shifted.{did_you_mean(name, used)}"
            )
    return list(dict.fromkeys(names or used))


def editable(
    entries: Mapping[str, ModalityEntry], names: Sequence[str]
) -> tuple[list[Editable], list[str]]:
    """What can be done to the modalities ``names`` of a model, and why the rest cannot.

    Args:
        entries: of all modalities of the model.
        names: those to edit.
    """
    found, notes = [], []
    for name in names:
        key, mask = entries[name]
        if key not in FEATURES:
            allowed = " or ".join(map(repr, FEATURES))
            notes.append(
                f"{name} is read from {key!r}, which is not {allowed} of a sample: it is not "
                "dropped, swapped or shifted"
            )
        elif mask == f"{key}_mask":
            found.append(Editable(name, key))
        elif mask is None:
            found.append(Editable(name, key, ("swap", "shift")))
            notes.append(
                f"{name} is not dropped: the model takes every step of {key!r} for real "
                f"(bank_inputs), that of the padding, too, so that it cannot be told that there is "
                f"none; bank_inputs=dict({name}={key!r}) reads the mask"
            )
        else:
            found.append(Editable(name, key, ("shift",)))
            notes.append(
                f"{name} is not dropped or swapped: its mask is {mask!r} (bank_inputs), which says "
                f"nothing of what another {key!r} would have"
            )
    return found, notes


def edited(
    samples: Sequence[Sample], key: str, edit: str, *, seed: int, shift_steps: int
) -> list[Sample]:
    """The samples with modality ``key`` edited.

    Args:
        samples: at least two for a swap, in which none keeps its own.
        key: audio or vision.
        edit: one of :data:`EDITS`.
        seed: of the swap.
        shift_steps: steps that a shift moves it later.
    """
    if edit == "drop":
        return [without(sample, key, "absent") for sample in samples]
    if edit == "shift":
        shift = TimeShift(steps={key: shift_steps})
        return [shift(sample) for sample in samples]
    donors = partners(len(samples), seed).tolist()
    return [
        {**sample, key: samples[donor][key]} for sample, donor in zip(samples, donors, strict=True)
    ]


def counterfactuals(
    samples: Sequence[Sample],
    errors: Callable[[NDArray], NDArray],
    predict: Callable[[Sequence[Sample]], NDArray],
    modalities: Sequence[Editable],
    settings: Mapping[str, int],
) -> tuple[NDArray, list[Counterfactual]]:
    """Predictions (N, n_out) of the samples as they are, and what becomes of them.

    Args:
        samples: of the data set.
        errors: predictions (N, n_out) to the error of each, (N,).
        predict: samples to (N, n_out).
        modalities: those to edit, and how.
        settings: ``seed`` and ``shift_steps`` of :func:`edited`.
    """
    before = predict(samples)
    found = []
    for name, key, edits in modalities:
        for edit in edits:
            if edit == "swap" and len(samples) < 2:
                continue  # there is nobody to swap with
            after = predict(edited(samples, key, edit, **settings))
            change = errors(after) - errors(before)  # (N,)
            interval = bootstrap_interval(change[None])
            mean = float(abs(after - before).mean())
            numbers = (mean, float(change.mean()), interval.low, interval.high)
            found.append(Counterfactual(name, edit, after, *numbers))
    return before, found
