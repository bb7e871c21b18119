r"""The best predictor from planted audio and vision: what none can beat but by luck.

It knows the generative model of :mod:`pgf_plugin.datasets.planting`, its directions and amplitudes,
and how often each label occurs in the data; it does not know which block of words carries the
signal. With ``z_t`` the projection of a step on the plane of the directions, a label ``y`` and a
block ``f`` have the log-likelihood

.. math::
    \sum_{t \in f} \frac{a}{b^2} \, z_t \cdot s(y) - \frac{a^2}{2 b^2}

added up over the modalities, which share the block. The best prediction under the absolute error
is the median of the posterior of ``y``, all blocks being equally likely. What the transcript tells
of the label is left out: a model that reads it, too, can be better.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.classes import always_the_same
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.planting import Planting


def describe_planted(
    table: FeatureTable, modalities: Sequence[str], num_classes: int | None = None
) -> dict[str, Any]:
    """What a report must say of a table with planted sequences, by what of it is used.

    Args:
        table: with its labels.
        modalities: which of the sequences are used.
        num_classes: number of classes, where the labels are no scores any more but theirs.

    Returns:
        ``planted``, with the ``best_achievable_mae`` of scores, and a ``note``; empty if nothing
        planted is used.
    """
    planting, used = _planted(table, modalities)
    if planting is None or not used:
        return {}
    if num_classes is not None:  # an error of scores says nothing of who predicts classes
        said = f"{planted_note(table, modalities)}. On these {len(table)} utterances, "
        said += always_the_same(table.labels, num_classes)
        return {"planted": planting.info(), "note": said}
    floor = best_achievable_mae(table, planting, used)
    return {
        "planted": {**planting.info(), "best_achievable_mae": floor},
        "note": f"{planted_note(table, modalities)}. Best achievable MAE on these {len(table)} "
        f"utterances without the transcript: {floor['+'.join(used)]:.2f}",
    }


def planted_note(table: FeatureTable, modalities: Sequence[str]) -> str | None:
    """One line that keeps planted results from being taken for real ones; None for real data."""
    planting, used = _planted(table, modalities)
    if planting is None or not used:
        return None
    planted = " and ".join(f"{name} ({planting.modalities[name].snr_db:g} dB)" for name in used)
    return (
        f"Planted data: {planted}: synthetic, with the label as the signal, on the transcripts and "
        f"labels of {table.source}; results say nothing of real audio or vision"
    )


def best_achievable_mae(
    table: FeatureTable, planting: Planting, modalities: Sequence[str]
) -> dict[str, float]:
    """Mean absolute error, on this very table, of the best predictor there is.

    Returns:
        each of ``modalities``, and all of them joined by ``'+'``, to the error of the predictor
        that sees these.
    """
    seen = dict.fromkeys([*((name,) for name in modalities), tuple(modalities)])
    labels = table.labels[:, 0].astype(np.float64)
    return {
        "+".join(names): float(np.abs(best_prediction(table, planting, names) - labels).mean())
        for names in seen
    }


def best_prediction(
    table: FeatureTable, planting: Planting, modalities: Sequence[str]
) -> NDArray[np.float64]:
    """Median of the label, (N,), given the planted sequences of ``modalities``."""
    labels = table.labels[:, 0].astype(np.float64)
    if any(planting.modalities[name].snr_db == np.inf for name in modalities):
        return labels  # nothing hides them
    values, counts = np.unique(labels, return_counts=True)
    rows = zip(table.ids, table.texts, labels.tolist(), strict=True)
    evidence = [_evidence(planting, modalities, values, *row) for row in rows]
    weight = counts * np.exp(np.array(evidence))  # (N, G)
    share = weight.cumsum(1) / weight.sum(1, keepdims=True)
    return values[(share >= 0.5 - 1e-12).argmax(1)]


def _evidence(
    planting: Planting,
    modalities: Sequence[str],
    values: NDArray[np.float64],
    sample_id: str,
    text: str,
    label: float,
) -> NDArray[np.float64]:
    """Log-likelihood of each of ``values``, (G,), up to a constant: their largest is 0."""
    blocks = planting.blocks(text)
    total = np.zeros((len(blocks.begin), len(values)))  # (F, G)
    for name in modalities:
        signal, noise = planting.modalities[name].amplitudes
        steps = planting.sequence(name, sample_id, blocks, label)
        z = np.concatenate([np.zeros((1, 2)), (steps @ planting.directions(name)).cumsum(0)])
        first, last = blocks.steps(planting.modalities[name].rate)
        matched = (z[last] - z[first]) @ planting.signal(values).T  # (F, G)
        total += (signal * matched - signal**2 / 2 * (last - first)[:, None]) / noise**2
    highest = total.max(0)
    likelihood = highest + np.log(np.exp(total - highest).sum(0))  # the block is not known
    return likelihood - likelihood.max()


def _planted(table: FeatureTable, modalities: Sequence[str]) -> tuple[Planting | None, list[str]]:
    """What is planted in a table, if anything, and which planted modalities are used."""
    if (info := table.info.get("planted")) is None:
        return None, []
    planting = Planting.from_info(info)
    return planting, [name for name in planting.modalities if name in modalities]
