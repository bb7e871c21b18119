r"""The best predictor of the synthetic data: what no model can beat but by luck.

Under the absolute error the best prediction is the conditional median of the label given what a
modality shows. With ``w = s m``, the label is ``clip(k v w)``, monotone in ``w`` for a given
``v``, so its median is ``clip(k v median(w))``. The noise is white and Gaussian, so the mean over
the steps of the projection on the direction is sufficient:

    z_audio  ~ N(standardized(m), sigma_audio**2 / T_a)
    z_vision ~ N(s, sigma_vision**2 / T_v)

and the posterior of ``w`` is a mixture of two mirrored densities, evaluated on a grid.
"""

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.synthetic_generator import (
    INTENSITY,
    LABEL_LIMIT,
    SyntheticModel,
    SyntheticUtterances,
    standardize_intensity,
)

GRID_POINTS = 600
KNOWLEDGE = {
    "text": (),
    "text+audio": ("audio",),
    "text+vision": ("vision",),
    "all": ("audio", "vision"),
}
"""Name to the modalities that a predictor sees beside the text."""


def best_achievable_mae(model: SyntheticModel, data: SyntheticUtterances) -> dict[str, float]:
    """Mean absolute error of the best predictor on ``data``, by what it sees."""
    return {
        name: float(np.abs(best_prediction(model, data, seen) - data.label).mean())
        for name, seen in KNOWLEDGE.items()
    }


def best_prediction(
    model: SyntheticModel, data: SyntheticUtterances, seen: tuple[str, ...]
) -> NDArray[np.float64]:
    """Conditional median of the label, (N,), given the text and the modalities ``seen``."""
    grid = _intensity_grid()
    density = np.ones((len(data.label), GRID_POINTS))  # (N, G), of m
    if "audio" in seen:
        density = _intensity_density(model, data, grid)
    not_reversed = np.full(len(data.label), 1 - model.reversal_rate)  # (N,), P(s = 1)
    if "vision" in seen:
        not_reversed = _not_reversed(model, data)
    median = _median(grid, density / density.sum(1, keepdims=True), not_reversed)
    prediction = model.label_scale * data.valence * median
    return np.clip(prediction, -LABEL_LIMIT, LABEL_LIMIT)


def _intensity_grid() -> NDArray[np.float64]:
    low, high = INTENSITY
    return low + (high - low) * (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS


def _intensity_density(
    model: SyntheticModel, data: SyntheticUtterances, grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Unnormalized posterior of ``m`` given audio, (N, G); the prior is uniform."""
    z = _projected_mean(data.audio, data.audio_direction)[:, None]  # (N, 1)
    variance = model.audio_sigma**2 / data.audio.lengths[:, None]
    exponent = -((z - standardize_intensity(grid)) ** 2) / (2 * variance)
    return np.exp(exponent - exponent.max(1, keepdims=True))


def _not_reversed(model: SyntheticModel, data: SyntheticUtterances) -> NDArray[np.float64]:
    """Posterior P(s = 1) given vision, (N,)."""
    if model.reversal_rate == 0:
        return np.ones(len(data.label))
    z = _projected_mean(data.vision, data.vision_direction)
    variance = model.vision_sigma**2 / data.vision.lengths
    log_odds = np.log(1 / model.reversal_rate - 1) + 2 * z / variance
    return 0.5 * (1 + np.tanh(log_odds / 2))  # the logistic function, without overflow


def _projected_mean(sequences: RaggedArray, direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the steps of the projection on ``direction``, (N,)."""
    projection = sequences.values.astype(np.float64) @ direction
    return np.add.reduceat(projection, sequences.offsets[:-1]) / sequences.lengths


def _median(
    grid: NDArray[np.float64], density: NDArray[np.float64], not_reversed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Median, (N,), of ``s m`` for independent ``s`` and ``m``."""
    support = np.concatenate([-grid[::-1], grid])  # (2 G,), ascending
    weight = np.concatenate(
        [(1 - not_reversed)[:, None] * density[:, ::-1], not_reversed[:, None] * density], axis=1
    )
    return support[(weight.cumsum(1) >= 0.5 - 1e-12).argmax(1)]
