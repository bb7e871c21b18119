"""What every dataset shares: tokenized texts, ragged features, and one sample format."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Dataset

from pgf_plugin.datasets.checks import (
    LABEL_RANGE,
    as_float32,
    check_label_range,
    check_modalities,
)
from pgf_plugin.datasets.classes import check_classes, to_classes
from pgf_plugin.datasets.epochs import epoch_of
from pgf_plugin.datasets.features import FeatureTable
from pgf_plugin.datasets.foreign import with_foreign
from pgf_plugin.datasets.planting_oracle import describe_planted, planted_note
from pgf_plugin.datasets.prepared import gather
from pgf_plugin.datasets.sample_batch import SampleBatch
from pgf_plugin.datasets.tokenization import TokenizedTexts, tokenize
from pgf_plugin.datasets.transforms.pipeline import SamplePipeline, TransformLike
from pgf_plugin.errors import ConfigError, DataError, check_positive_int, check_text

Sample = dict[str, Any]
"""``sample_id`` str, ``raw_text`` str, ``label`` (n_out,) float32 (absent for unlabelled input),
``input_ids`` (L,) int64 with ``pad_token_id`` int, or ``text`` (L, D_t) float32; ``audio``
(T_a, D_a) and ``vision`` (T_v, D_v) float32; a sequence may have no step. With
transforms also ``epoch`` int, where the sampler tells it, and ``unk_token_id`` and
``mask_token_id`` int, where a transform asks for them."""


class BaseMSADataset(Dataset):
    """Utterances of one split, tokenized once at construction.

    Args:
        table: the utterances, already of one split.
        modalities: which of ``'text'``, ``'audio'``, ``'vision'`` a sample holds.
        tokenizer: encoder whose tokenizer turns texts into ``input_ids``; None for precomputed
            text features.
        max_tokens: longer texts are cut.
        lower_case: whether texts are lower-cased before they are tokenized.
        text_prefix: what stands before every text when it is tokenized; None for nothing.
        label_range: smallest and largest label allowed.
        num_classes: cut the scores into 2, 3, 5 or 7 classes, see
            :func:`~pgf_plugin.datasets.classes.to_classes`; labels are then 0 … C - 1. None keeps
            the scores.
        transforms: what becomes of a sample, in order: components of ``TRANSFORMS``, or callables.
        foreign: modalities that each utterance takes from another one of its split, drawn once: an
            ablation, to see whether a model uses them at all.

    Raises:
        ConfigError: for text without tokenizer, or a tokenizer that cannot be loaded.
        DataError: for a modality that the data lack, or a label outside ``label_range``.
    """

    def __init__(
        self,
        table: FeatureTable,
        *,
        modalities: Sequence[str],
        tokenizer: str | None,
        max_tokens: int = 256,
        lower_case: bool = False,
        text_prefix: str | None = None,
        label_range: tuple[float, float] = LABEL_RANGE,
        transforms: Sequence[TransformLike] = (),
        foreign: Sequence[str] = (),
        num_classes: int | None = None,
    ) -> None:
        self.modalities = check_modalities(modalities, table, precomputed_text=tokenizer is None)
        self.foreign = tuple(foreign)
        self.table = with_foreign(table, self.foreign)
        self.tokenizer = tokenizer
        self.max_tokens = check_positive_int("max_tokens", max_tokens)
        self.lower_case = lower_case
        self.text_prefix = "" if text_prefix is None else check_text("text_prefix", text_prefix)
        self.label_range = check_label_range(table, label_range)
        self.num_classes = num_classes
        if num_classes is not None:
            count = check_classes("num_classes", num_classes)
            labels = to_classes(table.labels, count, self.label_range)
            self.table = replace(self.table, labels=labels)
            self.label_range = (0.0, count - 1.0)
        self._tokens: TokenizedTexts | None = None
        if "text" in self.modalities and tokenizer is not None:
            self._tokens = self._tokenize_table()
        self.pipeline = SamplePipeline(transforms, self.modalities)
        self._special_tokens = self._read_special_tokens()
        if note := planted_note(table, self.modalities):
            print_log(note, "current", logging.WARNING)

    @property
    def metainfo(self) -> dict[str, Any]:
        """What mmengine hands to metrics and visualizers."""
        used = planted_note(self.table, self.modalities) is not None
        marked = {"planted": self.table.info["planted"]} if used else {}
        return {"dataset": type(self).__name__, "label_range": self.label_range, **marked}

    def describe(self) -> dict[str, Any]:
        """Say what the numbers measured on this dataset stand on, for reports (JSON)."""
        return {
            "dataset": type(self).__name__,
            "source": self.table.source,
            "num_samples": len(self),
            "modalities": list(self.modalities),
            **describe_planted(
                self.table,
                [name for name in self.modalities if name not in self.foreign],
                self.num_classes,
            ),
            **({"foreign": list(self.foreign)} if self.foreign else {}),
        }

    @property
    def feature_dims(self) -> dict[str, int]:
        """Features a step of each modality that is not text."""
        return {
            name: self.table.sequences[name].width for name in self.modalities if name != "text"
        }

    @property
    def text_lengths(self) -> NDArray[np.int64]:
        """Tokens (or text feature steps) of each sample, (N,); zeros without text."""
        if self._tokens is not None:
            return self._tokens.input_ids.lengths
        if "text" in self.modalities:
            return self.table.sequences["text"].lengths
        return np.zeros(len(self), np.int64)

    @property
    def sequence_lengths(self) -> dict[str, NDArray[np.int64]]:
        """Modality to the steps of each sample, (N,), as they are after the transforms."""
        lengths = {name: self.table.sequences[name].lengths for name in self._feature_modalities}
        if "text" in self.modalities:
            lengths["text"] = self.text_lengths
        return self.pipeline.lengths(lengths)

    @property
    def labels(self) -> NDArray[np.float32]:
        """Label of each sample, (N, n_out)."""
        return self.table.labels

    def full_init(self) -> None:
        """Nothing: all is there already. mmengine's wrappers of datasets ask for it."""

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Sample:
        table = self.table
        sample: Sample = {
            "sample_id": table.ids[index],
            "raw_text": table.texts[index],
            "label": table.labels[index],
        }
        if self._tokens is not None:
            sample["input_ids"] = self._tokens.input_ids[index]
            sample["pad_token_id"] = self._tokens.pad_token_id
        for name in self._feature_modalities:
            sample[name] = table.sequences[name][index]
        return self._transformed(sample, index)

    def __getitems__(self, indices: Sequence[int]) -> Sequence[Sample]:
        """The samples of a batch, which a DataLoader fetches with one call."""
        changed = type(self).__getitem__ is not BaseMSADataset.__getitem__
        if self.pipeline or changed:
            return [self[index] for index in indices]
        return SampleBatch(self, indices)

    @property
    def sample_keys(self) -> tuple[str, ...]:
        """Keys of a sample before the transforms."""
        tokens = () if self._tokens is None else ("input_ids", "pad_token_id")
        return ("sample_id", "raw_text", "label", *tokens, *self._feature_modalities)

    def column(self, key: str, rows: Sequence[int]) -> Any:
        """What the samples ``rows``, B of them, have under ``key`` before the transforms, one each.

        Labels come as an array (B, n_out), all else as a list.
        """
        table = self.table
        if key in ("sample_id", "raw_text"):
            values = table.ids if key == "sample_id" else table.texts
            return [values[row] for row in rows]
        if key == "label":
            return table.labels[np.asarray(rows, np.int64)]
        if self._tokens is not None and key == "pad_token_id":
            return [self._tokens.pad_token_id] * len(rows)
        if self._tokens is not None and key == "input_ids":
            return gather(self._tokens.input_ids, rows)
        return gather(table.sequences[key], rows)

    def _transformed(self, sample: Sample, index: int) -> Sample:
        """Apply the transforms to the sample of ``index``, which may know its epoch."""
        if not self.pipeline:
            return sample
        if (epoch := epoch_of(index)) is not None:
            sample["epoch"] = epoch
        return self.pipeline(sample | self._special_tokens)

    def _read_special_tokens(self) -> dict[str, int]:
        """Ids of the tokens that may stand for others, if a transform asks for them."""
        if not self.pipeline.needs_special_tokens or self._tokens is None:
            return {}
        ids = {name: getattr(self._tokens, name) for name in ("unk_token_id", "mask_token_id")}
        return {name: value for name, value in ids.items() if value is not None}

    def prepare(
        self,
        text: str,
        sample_id: str = "input",
        *,
        text_features: ArrayLike | None = None,
        **sequences: ArrayLike,
    ) -> Sample:
        """Turn new, unlabelled input into a sample, treated as this dataset's own are.

        Args:
            text: the transcript.
            sample_id: identifier of the sample.
            text_features: text features (L, D_t), where this dataset has them in place of tokens.
            sequences: ``audio`` and ``vision`` features (T, D), or (D,) for one step. A modality
                of this dataset that is not given has no step.

        Raises:
            DataError: for features that this dataset does not use, text features that it needs,
                a width that differs from this dataset's, values beyond float32, or such that are
                not finite (but see :meth:`clean`).
        """
        given = sequences if text_features is None else {**sequences, "text": text_features}
        self._check_given(given)
        sample: Sample = {"sample_id": sample_id, "raw_text": text}
        if self._tokens is not None:
            sample["input_ids"] = self._tokenize([text]).input_ids[0]
            sample["pad_token_id"] = self._tokens.pad_token_id
        for name in self._feature_modalities:
            sample[name] = self._prepare_sequence(name, given.get(name))
        return self.pipeline.prepare(sample)

    def _check_given(self, given: Collection[str]) -> None:
        used = self._feature_modalities
        for name in given:
            if name not in used:
                raise DataError(
                    f"{name!r} features cannot be used: this dataset uses those of {used} alone"
                )
        if "text" in used and "text" not in given:
            raise DataError(
                "this dataset takes its text as precomputed features (text_features=True), into "
                "which a transcript cannot be turned: train with a tokenizer and HFTextEncoder to "
                "predict from transcripts, or call prepare(…, text_features=…) with an array "
                f"(steps, {self.table.sequences['text'].width}) in Python"
            )

    def _prepare_sequence(self, name: str, values: ArrayLike | None) -> NDArray[np.float32]:
        width = self.table.sequences[name].width
        if values is None:
            return np.zeros((0, width), np.float32)
        sequence = np.atleast_2d(as_float32(name, values))
        if sequence.ndim != 2 or sequence.shape[1] != width:
            raise DataError(f"{name} must be (steps, {width}), got {np.shape(values)}")
        sequence = self.clean(name, sequence)
        if not np.isfinite(sequence).all():
            raise DataError(f"{name} holds {(~np.isfinite(sequence)).sum()} values of NaN or inf")
        return self.scale(name, sequence)

    def clean(self, name: str, sequence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut and mend raw features (T, D) of modality ``name`` as this dataset does its own."""
        return sequence

    def scale(self, name: str, sequence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring raw features (T, D) of modality ``name`` to the scale of this dataset's samples."""
        return sequence

    @property
    def _feature_modalities(self) -> list[str]:
        tokenized = self._tokens is not None
        return [name for name in self.modalities if name != "text" or not tokenized]

    def _tokenize_table(self) -> TokenizedTexts:
        """Token ids of every text of the table."""
        return self._tokenize(self.table.texts)

    def _tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        if self.tokenizer is None:
            raise ConfigError("tokenizer is None, so texts cannot be turned into input_ids")
        return tokenize(self.as_read(texts), self.tokenizer, self.max_tokens)

    def as_read(self, texts: Sequence[str]) -> Sequence[str]:
        """The texts as the tokenizer reads them."""
        if self.lower_case:
            texts = [text.lower() for text in texts]
        return [self.text_prefix + text for text in texts] if self.text_prefix else texts
