"""Synthetic utterances whose best achievable error is known."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.arguments import checked_arguments, one_of, optional
from pgf_plugin.datasets import checks
from pgf_plugin.datasets.base import BaseMSADataset
from pgf_plugin.datasets.classes import always_the_same, check_classes
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.synthetic_generator import (
    INTENSITY,
    LABEL_LIMIT,
    SyntheticModel,
    SyntheticUtterances,
    generate,
)
from pgf_plugin.datasets.synthetic_oracle import best_achievable_mae
from pgf_plugin.datasets.transforms.pipeline import TransformLike
from pgf_plugin.errors import ConfigError, check_fraction, check_positive_int, check_range
from pgf_plugin.registry import DATASETS

PARTS = ("positive", "intense", "reversed")
"""Labels of ``target='parts'``: valence above 0 (text), intensity above its mean (audio), reversal
(vision)."""

TARGETS = ("score", "parts")
DEFAULT_SIZES = {"train": 800, "val": 200, "test": 400}


def _check_target(arguments: Mapping[str, Any]) -> None:
    if arguments["target"] != "score" and arguments["num_classes"] is not None:
        raise ConfigError(
            "num_classes cuts scores into classes, but target='parts' has labels of 0 and 1: leave "
            "one of both out"
        )


@DATASETS.register_module()
class SyntheticMSADataset(BaseMSADataset):
    """Synthetic utterances: audio and vision carry parts of the label that the text does not.

    The text gives the valence, audio its intensity, vision whether it is reversed (as in
    sarcasm); the label is their product. The model and its equations are in
    :mod:`pgf_plugin.datasets.synthetic_generator`. The same arguments give the same data on every
    machine; splits of one seed share the generating directions and no utterance.

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``.
        num_samples: utterances; None for 800 / 200 / 400.
        seed: of everything random.
        tokenizer: encoder whose tokenizer turns texts into ``input_ids``.
        modalities: which of ``'text'``, ``'audio'``, ``'vision'`` a sample holds.
        audio_dim: features a step of audio.
        vision_dim: features a step of vision.
        audio_snr_db: signal-to-noise ratio of one audio step along the direction that carries the
            intensity, in dB.
        vision_snr_db: likewise for vision and the reversal.
        reversal_rate: share of reversed utterances, in [0, 1).
        label_scale: factor of the label before it is clipped to [-3, 3].
        target: ``'score'`` for the score, or ``'parts'`` for three labels of 0 and 1, what it is
            made of: :data:`PARTS`, each of which one modality carries.
        max_tokens: longer texts are cut.
        lower_case: whether texts are lower-cased before they are tokenized.
        label_range: smallest and largest label allowed.
        num_classes: cut the scores into 2, 3, 5 or 7 classes, see
            :func:`~pgf_plugin.datasets.classes.to_classes`; labels are then 0 … C - 1. None keeps
            the scores.
        transforms: what becomes of a sample, in order: components of
            :mod:`pgf_plugin.datasets.transforms`, or callables.
        foreign: modalities that each utterance takes from another one of its split, drawn once: an
            ablation, to see whether a model uses them at all.

    Raises:
        ValueError: for an argument outside its range.
        MissingExtraError: if the word list (extra ``quickstart``) is not installed.
    """

    required_packages: ClassVar[dict[str, str]] = {"vaderSentiment": "quickstart"}

    @checked_arguments(
        _check_target,
        split=one_of(*checks.SPLITS),
        num_samples=optional(check_positive_int),
        seed=partial(check_positive_int, at_least=0),
        modalities=checks.check_used,
        audio_dim=check_positive_int,
        vision_dim=check_positive_int,
        reversal_rate=check_fraction,
        target=one_of(*TARGETS),
        max_tokens=check_positive_int,
        label_range=check_range,
        foreign=checks.check_names,
        num_classes=optional(check_classes),
    )
    def __init__(
        self,
        split: str,
        num_samples: int | None = None,
        seed: int = 0,
        tokenizer: str | None = None,
        modalities: Sequence[str] = ("text", "audio", "vision"),
        audio_dim: int = 5,
        vision_dim: int = 20,
        audio_snr_db: float = 3.0,
        vision_snr_db: float = 3.0,
        reversal_rate: float = 0.25,
        label_scale: float = 1.0,
        max_tokens: int = 256,
        lower_case: bool = False,
        label_range: tuple[float, float] = (-LABEL_LIMIT, LABEL_LIMIT),
        transforms: Sequence[TransformLike] = (),
        foreign: Sequence[str] = (),
        num_classes: int | None = None,
        target: str = "score",
    ) -> None:
        self.model = SyntheticModel(
            audio_dim, vision_dim, audio_snr_db, vision_snr_db, reversal_rate, label_scale
        )
        count = DEFAULT_SIZES[split] if num_samples is None else num_samples
        self.utterances = generate(self.model, split, count, seed)
        super().__init__(
            self._table(split, seed, target),
            modalities=modalities,
            tokenizer=tokenizer,
            max_tokens=max_tokens,
            lower_case=lower_case,
            label_range=label_range,
            transforms=transforms,
            foreign=foreign,
            num_classes=num_classes,
        )
        self.split = split
        self.target = target

    def best_achievable_mae(self) -> dict[str, float]:
        """Mean absolute error, on this very split, of the best predictor there is.

        Returns:
            ``'text'``, ``'text+audio'``, ``'text+vision'`` and ``'all'`` to the error of the
            predictor that knows the generative model and sees these modalities.
        """
        return best_achievable_mae(self.model, self.utterances)

    def describe_floor(self) -> str:
        """Say in one line what the best achievable error of this split is.

        Whoever predicts classes has the accuracy of the most frequent one to compare with, and no
        error; of ``target='parts'``, the labels are named alone.
        """
        data = f"Synthetic data ({len(self)} utterances)"
        if self.num_classes is not None:
            return f"{data}: {always_the_same(self.labels, self.num_classes)}"
        if self.target != "score":
            return f"{data}: the labels {', '.join(PARTS)}"
        floor = self.best_achievable_mae()
        return (
            f"{data}: best achievable {self.split} MAE: "
            f"text alone {floor['text']:.2f}, text and audio {floor['text+audio']:.2f}, "
            f"text and vision {floor['text+vision']:.2f}, all modalities {floor['all']:.2f}"
        )

    def describe(self) -> dict[str, Any]:
        """Add that the data are synthetic, and what can be achieved on them."""
        if self.foreign:  # the best predictor that is known uses them
            note = f"Synthetic data ({len(self)} utterances), {' and '.join(self.foreign)} foreign"
            return {**super().describe(), "synthetic": True, "note": note}
        scores = self.num_classes is None and self.target == "score"
        return {
            **super().describe(),
            "synthetic": True,
            **({"best_achievable_mae": self.best_achievable_mae()} if scores else {}),
            "note": self.describe_floor(),
        }

    def _table(self, split: str, seed: int, target: str) -> FeatureTable:
        data = self.utterances
        return FeatureTable(
            source="the synthetic data",
            ids=[f"synthetic-{seed}-{split}-{row:05d}" for row in range(len(data.texts))],
            texts=data.texts,
            labels=data.label.astype(np.float32)[:, None] if target == "score" else _parts(data),
            sequences={"audio": data.audio, "vision": data.vision},
            splits={"split": np.full(len(data.texts), split)},
        )


def _parts(data: SyntheticUtterances) -> NDArray[np.float32]:
    """The labels :data:`PARTS` of each utterance, (N, 3) of 0 and 1."""
    parts = [data.valence > 0, data.intensity > sum(INTENSITY) / 2, data.reversal < 0]
    return np.stack(parts, axis=1).astype(np.float32)
