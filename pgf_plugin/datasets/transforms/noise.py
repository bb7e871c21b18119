"""Gaussian noise of a given signal-to-noise ratio."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from pgf_plugin.datasets.transforms.base import (
    RandomTransform,
    by_modality,
    features_of,
    named_in,
    with_steps,
)
from pgf_plugin.errors import check_decibels
from pgf_plugin.registry import TRANSFORMS

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample


Decibels = float | Literal["-inf", "inf"]
"""Infinite ones as text, too, as in :func:`~pgf_plugin.errors.check_decibels`."""


@TRANSFORMS.register_module()
class GaussianNoise(RandomTransform):
    """Adds white Gaussian noise to the features of a modality.

    The signal's power is the mean square of all features of the sample, over its own steps; the
    noise has that power divided by ``10 ** (snr_db / 10)``, the same for every feature. So features
    should have been brought to one scale, as ``MSADataset`` does by default.

    Args:
        snr_db: ratio of signal to noise power in dB, for audio and vision, or modality to ratio.
            ``'inf'`` leaves the features alone; ``'-inf'`` leaves noise of the signal's power in
            the place of the signal.
        seed: of the noise.
        per_epoch: whether every epoch draws anew.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
    """

    def __init__(
        self, snr_db: Decibels | Mapping[str, Decibels], seed: int = 0, per_epoch: bool = False
    ) -> None:
        super().__init__(seed, per_epoch)
        self.snr_db = by_modality("snr_db", snr_db, check_decibels)
        self.named = named_in(snr_db)

    def __call__(self, sample: "Sample") -> "Sample":
        """Add noise to every modality of ``snr_db`` that the sample has."""
        for name, snr_db in self.snr_db.items():
            steps = features_of(sample, name, "GaussianNoise")
            if steps is None or not steps.size or snr_db == math.inf:
                continue
            scale = math.sqrt(float(np.square(steps, dtype=np.float64).mean()))
            noise = self.generator(sample, name).standard_normal(steps.shape, np.float32)
            if snr_db == -math.inf:
                noisy = np.float32(scale) * noise
            else:
                noisy = steps + np.float32(scale * 10 ** (-snr_db / 20)) * noise
            sample = with_steps(sample, name, noisy)
        return sample
