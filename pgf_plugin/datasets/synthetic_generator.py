r"""The generative model of the synthetic data, in numpy.

For every utterance

.. math::
    y = \mathrm{clip}(k \, s \, m \, v, -3, 3)

with the valence ``v`` of the text, known exactly from its words; the intensity ``m`` ~ U(0.4, 1.6),
which only audio carries; and the reversal ``s``, -1 with probability ``reversal_rate`` (as in
sarcasm) and else +1, which only vision carries. Audio and vision are sequences of 10 to 40 steps;
step ``t`` is

    audio_t  = standardized(m) * u_audio + sigma_audio * white noise
    vision_t = s * u_vision + sigma_vision * white noise

with fixed unit directions ``u``. **The signal-to-noise ratio is the ratio of signal power to noise
power of one step along the direction** (noise across it tells nothing), in dB: both signals have
unit power, so sigma = 10 ** (-snr_db / 20).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import SPLITS
from pgf_plugin.datasets.features import RaggedArray
from pgf_plugin.datasets.synthetic_text import draw_sentences
from pgf_plugin.errors import check_fraction, check_one_of, check_positive_int

LABEL_LIMIT = 3.0
STEPS = (10, 40)
"""Shortest and longest sequence."""

INTENSITY = (0.4, 1.6)
_INTENSITY_MEAN = sum(INTENSITY) / 2
_INTENSITY_STD = (INTENSITY[1] - INTENSITY[0]) / 12**0.5


@dataclass(frozen=True)
class SyntheticModel:
    """Parameters of the generative model.

    Attributes:
        audio_dim: features a step of audio.
        vision_dim: features a step of vision.
        audio_snr_db: signal-to-noise ratio of one audio step along the direction, in dB.
        vision_snr_db: likewise for vision.
        reversal_rate: probability that vision reverses the sign of the text, in [0, 1).
        label_scale: ``k`` above.
    """

    audio_dim: int = 5
    vision_dim: int = 20
    audio_snr_db: float = 3.0
    vision_snr_db: float = 3.0
    reversal_rate: float = 0.25
    label_scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive_int("audio_dim", self.audio_dim)
        check_positive_int("vision_dim", self.vision_dim)
        check_fraction("reversal_rate", self.reversal_rate)

    @property
    def audio_sigma(self) -> float:
        """Standard deviation of the noise of one audio step."""
        return 10 ** (-self.audio_snr_db / 20)

    @property
    def vision_sigma(self) -> float:
        """Standard deviation of the noise of one vision step."""
        return 10 ** (-self.vision_snr_db / 20)


class SyntheticUtterances(NamedTuple):
    """Generated utterances with the latent variables behind them, N of each.

    Attributes:
        texts: transcripts.
        audio: N sequences (T_a, audio_dim).
        vision: N sequences (T_v, vision_dim).
        label: (N,) in [-3, 3].
        valence: (N,) ``v``.
        intensity: (N,) ``m``.
        reversal: (N,) ``s``, +1 or -1.
        audio_direction: (audio_dim,) unit vector, the same for every split of a seed.
        vision_direction: (vision_dim,) unit vector, likewise.
    """

    texts: list[str]
    audio: RaggedArray
    vision: RaggedArray
    label: NDArray[np.float64]
    valence: NDArray[np.float64]
    intensity: NDArray[np.float64]
    reversal: NDArray[np.float64]
    audio_direction: NDArray[np.float64]
    vision_direction: NDArray[np.float64]


def generate(model: SyntheticModel, split: str, count: int, seed: int) -> SyntheticUtterances:
    """Draw ``count`` utterances of a split.

    The splits of a seed share the directions and are disjoint random streams otherwise.

    Raises:
        ValueError: for an unknown split, a count below 1, or a negative seed.
        MissingExtraError: if the word list is not installed.
    """
    check_one_of("split", split, SPLITS)
    check_positive_int("num_samples", count)
    check_positive_int("seed", seed, at_least=0)
    shared = default_rng([seed, 0])
    audio_direction = _unit_vector(shared, model.audio_dim)
    vision_direction = _unit_vector(shared, model.vision_dim)
    rng = default_rng([seed, 1 + SPLITS.index(split)])
    texts, valence = draw_sentences(rng, count)
    intensity = rng.uniform(*INTENSITY, count)
    reversal = np.where(rng.random(count) < model.reversal_rate, -1.0, 1.0)
    product = model.label_scale * reversal * intensity * valence
    return SyntheticUtterances(
        texts=texts,
        audio=_sequences(rng, standardize_intensity(intensity), audio_direction, model.audio_sigma),
        vision=_sequences(rng, reversal, vision_direction, model.vision_sigma),
        label=np.clip(product, -LABEL_LIMIT, LABEL_LIMIT),
        valence=valence,
        intensity=intensity,
        reversal=reversal,
        audio_direction=audio_direction,
        vision_direction=vision_direction,
    )


def standardize_intensity(intensity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring intensities to mean 0 and unit power, as audio carries them."""
    return (intensity - _INTENSITY_MEAN) / _INTENSITY_STD


def _unit_vector(rng: Generator, width: int) -> NDArray[np.float64]:
    vector = rng.standard_normal(width)
    return vector / np.linalg.norm(vector)


def _sequences(
    rng: Generator, signal: NDArray[np.float64], direction: NDArray[np.float64], sigma: float
) -> RaggedArray:
    """Sequences (T_i, D) of ``signal[i] * direction`` plus white noise."""
    lengths = rng.integers(STEPS[0], STEPS[1] + 1, len(signal))
    noise = rng.standard_normal((lengths.sum(), len(direction)))
    values = np.repeat(signal, lengths)[:, None] * direction + sigma * noise
    return RaggedArray.from_lengths(values.astype(np.float32), lengths)
