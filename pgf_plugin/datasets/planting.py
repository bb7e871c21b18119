r"""Synthetic audio and vision of a known signal-to-noise ratio, planted on real transcripts.

Which modality a fusion model uses, whether it finds the moment that counts, and how it bears noise
cannot be told from data whose truth nobody knows. Here the transcripts and labels are the data's
own, and audio and vision are generated. A word lasts ``word_seconds``, whatever it is; a block of
words, ``share`` of the utterance, drawn at random, is where the signal is. Step ``t`` is

.. math::
    x_t = a \, c_t \, (\cos\theta \, u_1 + \sin\theta \, u_2) + b \, n_t, \qquad
    \theta = \frac{\pi}{2} \cdot \frac{y}{\text{limit}}

with the label ``y``; ``c_t`` 1 for the steps whose middle lies in the block and else 0; orthonormal
directions ``u`` that every utterance shares; and white noise ``n`` of its own. **The
signal-to-noise ratio is the ratio of the signal's power to the noise's power along its direction,
of one step that carries signal**, in dB: the signal has the same power whatever the label, so that
``a**2 / b**2 = 10 ** (snr_db / 10)``, and ``a**2 + b**2 = 1``. ``-inf`` is noise alone, ``inf`` is
no noise.

All is drawn by the seed and the utterance's identifier, so that it hangs neither on the split nor
on other utterances. The lengths follow from the transcript alone: they tell of the label what the
transcript tells.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pgf_plugin.datasets.chance import keyed_generator
from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.errors import DataError

INTERVAL = "planted_interval"
"""Name of the further labels that hold where the signal is: (N, 2) begin and end in seconds."""

_WORD = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\s\u3040-\u30ff\u4e00-\u9fff]+")
"""A word, or one Chinese or Japanese character: between those there are no spaces."""


def words_of(text: str) -> list[str]:
    """The words of a transcript, each of which lasts as long as any other."""
    return _WORD.findall(text)


@dataclass(frozen=True)
class PlantedModality:
    """One planted modality.

    Attributes:
        dim: features a step, at least 2.
        rate: steps a second.
        snr_db: signal-to-noise ratio of a step that carries signal, in dB.
    """

    dim: int
    rate: float
    snr_db: float

    @property
    def amplitudes(self) -> tuple[float, float]:
        """``a`` of the signal and ``b`` of the noise."""
        if self.snr_db == np.inf:
            return 1.0, 0.0
        ratio = 10 ** (self.snr_db / 10)
        return float(np.sqrt(ratio / (1 + ratio))), float(np.sqrt(1 / (1 + ratio)))


@dataclass(frozen=True)
class Planting:
    """What is planted.

    Attributes:
        modalities: ``'audio'`` and ``'vision'``, or one of them.
        share: part of the words of an utterance during which there is signal, in (0, 1].
        word_seconds: how long a word lasts, in seconds.
        label_limit: the largest absolute label.
        seed: of everything drawn.
    """

    modalities: Mapping[str, PlantedModality]
    share: float = 0.25
    word_seconds: float = 0.3
    label_limit: float = 3.0
    seed: int = 0

    def info(self) -> dict[str, Any]:
        """What a table says of its planting, as JSON has it: infinite ratios are text."""
        info = asdict(self)
        for modality in info["modalities"].values():
            if not np.isfinite(modality["snr_db"]):
                modality["snr_db"] = str(modality["snr_db"])
        return info

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> "Planting":
        """The planting of which :meth:`info` tells."""
        modalities = {
            name: PlantedModality(**{**modality, "snr_db": float(modality["snr_db"])})
            for name, modality in info["modalities"].items()
        }
        return cls(**{**info, "modalities": modalities})

    def directions(self, name: str) -> NDArray[np.float64]:
        """``u_1`` and ``u_2`` of a modality, (dim, 2), orthonormal."""
        return _directions(self.seed, name, self.modalities[name].dim)

    def signal(self, labels: ArrayLike) -> NDArray[np.float64]:
        """Coordinates of the signal in the plane of the directions, (…, 2), for ``labels`` (…)."""
        angle = np.pi / 2 * np.asarray(labels, np.float64) / self.label_limit
        return np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    def blocks(self, text: str) -> "Blocks":
        """Where the signal of an utterance with this transcript can be."""
        words = max(len(words_of(text)), 1)
        length = max(round(self.share * words), 1)
        begin = self.word_seconds * np.arange(words - length + 1)
        return Blocks(begin, begin + self.word_seconds * length, words * self.word_seconds)

    def block_of(self, sample_id: str, blocks: "Blocks") -> int:
        """Which of ``blocks`` carries the signal of the utterance."""
        drawn = keyed_generator("planted", self.seed, "block", sample_id)
        return int(drawn.integers(len(blocks.begin)))

    def sequence(
        self, name: str, sample_id: str, blocks: "Blocks", label: float
    ) -> NDArray[np.float32]:
        """Steps (T, dim) of one modality of an utterance."""
        modality = self.modalities[name]
        signal, noise = modality.amplitudes
        first, last = blocks.steps(modality.rate)
        block = self.block_of(sample_id, blocks)
        drawn = keyed_generator("planted", self.seed, name, sample_id)
        values = noise * drawn.standard_normal((blocks.length(modality.rate), modality.dim))
        values[first[block] : last[block]] += signal * (self.directions(name) @ self.signal(label))
        return values.astype(np.float32)


class Blocks(NamedTuple):
    """The blocks of words that can carry the signal of an utterance, F of them.

    Attributes:
        begin: (F,) seconds.
        end: (F,) seconds.
        duration: of the utterance, in seconds.
    """

    begin: NDArray
    end: NDArray
    duration: float

    def length(self, rate: float) -> int:
        """Steps of the utterance at ``rate`` steps a second."""
        return max(round(self.duration * rate), 1)

    def steps(self, rate: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First step of each block and the one after its last: those whose middle lies in it."""
        middle = (np.arange(self.length(rate)) + 0.5) / rate
        return np.searchsorted(middle, self.begin), np.searchsorted(middle, self.end)


def plant(table: FeatureTable, planting: Planting) -> FeatureTable:
    """Replace audio and vision of a table by planted sequences.

    Args:
        table: with labels (N, 1) and, where there are any, transcripts.
        planting: what is planted; a modality that it lacks stays as it is.

    Returns:
        a table with the planted sequences; ``extra_labels['planted_interval']``, (N, 2) begin and
        end in seconds of what carries signal; and ``info['planted']``, which marks it.

    Raises:
        DataError: for several labels an utterance, or one beyond ``planting.label_limit``.
    """
    labels = _check_labels(table, planting)
    blocks = [planting.blocks(text) for text in table.texts]
    chosen = [planting.block_of(*row) for row in zip(table.ids, blocks, strict=True)]
    planted = {
        name: [planting.sequence(name, *row) for row in zip(table.ids, blocks, labels, strict=True)]
        for name in planting.modalities
    }
    ragged = {
        name: RaggedArray.from_lengths(np.concatenate(rows), [len(row) for row in rows])
        for name, rows in planted.items()
    }
    interval = [(one.begin[i], one.end[i]) for one, i in zip(blocks, chosen, strict=True)]
    return replace(
        table,
        sequences={**table.sequences, **ragged},
        extra_labels={**table.extra_labels, INTERVAL: np.array(interval, np.float32)},
        info={**table.info, "planted": planting.info()},
    )


@lru_cache(maxsize=8)
def _directions(seed: int, name: str, dim: int) -> NDArray[np.float64]:
    drawn = keyed_generator("planted", seed, name, "directions")
    return np.linalg.qr(drawn.standard_normal((dim, 2)))[0]


def _check_labels(table: FeatureTable, planting: Planting) -> list[float]:
    if table.labels.shape[1] != 1:
        raise DataError(
            f"{table.source}: planted sequences carry one label, but an utterance has "
            f"{table.labels.shape[1]}"
        )
    beyond = np.flatnonzero(~(np.abs(table.labels[:, 0]) <= planting.label_limit + 1e-6))
    if len(beyond):
        raise DataError(
            f"{table.source}: the label of {table.ids[beyond[0]]!r} is "
            f"{table.labels[beyond[0], 0]:g}, beyond planted.label_limit={planting.label_limit:g}: "
            "set it to the largest absolute label of these data"
        )
    return table.labels[:, 0].tolist()
