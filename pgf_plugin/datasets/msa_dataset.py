"""Utterances from a store or a feature file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.arguments import checked_arguments, one_of, optional
from pgf_plugin.datasets import checks
from pgf_plugin.datasets.base import BaseMSADataset
from pgf_plugin.datasets.classes import check_classes
from pgf_plugin.datasets.features import FeatureTable, IndexArray
from pgf_plugin.datasets.planting import plant
from pgf_plugin.datasets.planting_config import read_planting
from pgf_plugin.datasets.prepared import PreparedSequences
from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.datasets.scan import scan, zero_nonfinite
from pgf_plugin.datasets.source import load_data
from pgf_plugin.datasets.statistics import StepStatistics
from pgf_plugin.datasets.store import is_store
from pgf_plugin.datasets.store.arrays import StoredSequences
from pgf_plugin.datasets.token_cache import tokenize_cached
from pgf_plugin.datasets.tokenization import TokenizedTexts
from pgf_plugin.datasets.transforms.pipeline import TransformLike
from pgf_plugin.errors import (
    ConfigError,
    DataError,
    check_positive,
    check_positive_int,
    check_range,
    check_text,
)
from pgf_plugin.registry import DATASETS
from pgf_plugin.structures import MODALITIES


def _check_text_source(arguments: Mapping[str, Any]) -> None:
    if arguments["text_features"] and arguments["tokenizer"] is not None:
        raise ConfigError(
            "text_features=True takes text from the file, but tokenizer is "
            f"{arguments['tokenizer']!r}: set tokenizer=None, or text_features=False"
        )


@DATASETS.register_module()
class MSADataset(BaseMSADataset):
    """One split of a store, or of a feature file of any format.

    ``pgf data convert`` makes a store, which opens in milliseconds and whose features stay on the
    disk until a batch needs them. The formats are described in
    :mod:`pgf_plugin.datasets.formats`; a file is read once a process, whatever number of datasets
    use it, and nothing that a hostile file carries is executed. Features are cut, mended and
    standardized when a sample is read; the splits share one table.

    Args:
        data_file: folder of a store, or a feature file, relative to ``data_root``.
        split: name of the split; ``'val'`` also finds ``'valid'``, ``'validation'`` and ``'dev'``.
        data_root: folder of ``data_file``.
        format: name of the format; None to tell it by the content.
        reader_options: what the reader of the format takes; a store takes none.
        split_column: which of several split columns counts.
        label: which of the data's labels to predict, such as ``'text'`` for that of CH-SIMS for the
            text alone, or a list of several; ``'label'`` is the main one, which None means.
        modalities: which of ``'text'``, ``'audio'``, ``'vision'`` a sample holds.
        tokenizer: encoder whose tokenizer turns transcripts into ``input_ids``. The ids are kept on
            the disk, see :mod:`pgf_plugin.datasets.token_cache`.
        text_features: use the precomputed text features of the file instead of a tokenizer.
        lower_case: whether transcripts are lower-cased before they are tokenized.
        text_prefix: what stands before every transcript when it is tokenized, such as the
            ``"query: "`` that E5 was trained with (arXiv 2212.03533); None for nothing.
        max_tokens: longer transcripts are cut.
        max_steps: modality to the longest sequence allowed; the steps after it are cut.
        normalize: modalities standardized by mean and deviation of the steps of the training split.
        clip_std: bound of the standardized values, in standard deviations; None for no bound.
        nonfinite: ``'error'`` refuses NaN and inf in a used modality, ``'zero'`` reads them as
            zeros (before the statistics are taken). A store holds none.
        label_range: smallest and largest label allowed.
        num_classes: cut the scores into 2, 3, 5 or 7 classes, see
            :func:`~pgf_plugin.datasets.classes.to_classes`; labels are then 0 … C - 1. None keeps
            the scores.
        feature_dims: modality to the width that the model expects, checked where given.
        transforms: what becomes of a sample, in order, after the normalization: components of
            :mod:`pgf_plugin.datasets.transforms`, or callables.
        foreign: modalities that each utterance takes from another one of its split, drawn once: an
            ablation, to see whether a model uses them at all.
        planted: replaces audio and vision by synthetic sequences of a known signal-to-noise ratio,
            such as ``dict(snr_db=0.0)``; its keys are those of
            :func:`~pgf_plugin.datasets.planting_config.read_planting`.

    Raises:
        FileNotFoundError: if the file does not exist.
        ConfigError, ValueError: for an argument that is not allowed, or contradicts another.
        DataError: for a file that is malformed, hostile, of another layout, or at odds with the
            arguments: an empty split, a modality it lacks, NaN or inf, a label outside the range.
    """

    @checked_arguments(
        _check_text_source,
        split=check_text,
        modalities=checks.check_used,
        text_prefix=optional(check_text),
        max_tokens=check_positive_int,
        max_steps=lambda _, steps: checks.check_max_steps(steps),
        normalize=checks.check_names,
        clip_std=optional(check_positive),
        nonfinite=one_of("error", "zero"),
        label_range=check_range,
        num_classes=optional(check_classes),
        feature_dims=checks.check_widths,
        foreign=checks.check_names,
        planted=optional(lambda _, planted: read_planting(planted)),
    )
    def __init__(
        self,
        data_file: str,
        split: str,
        data_root: str = "",
        format: str | None = None,
        reader_options: Mapping[str, Any] | None = None,
        split_column: str | None = None,
        label: str | Sequence[str] | None = None,
        modalities: Sequence[str] = MODALITIES,
        tokenizer: str | None = None,
        text_features: bool = False,
        lower_case: bool = False,
        text_prefix: str | None = None,
        max_tokens: int = 256,
        max_steps: Mapping[str, int] | None = None,
        normalize: Sequence[str] = ("audio", "vision"),
        clip_std: float | None = 5.0,
        nonfinite: checks.NonFinite = "error",
        label_range: tuple[float, float] = checks.LABEL_RANGE,
        feature_dims: Mapping[str, int] | None = None,
        transforms: Sequence[TransformLike] = (),
        foreign: Sequence[str] = (),
        planted: Mapping[str, Any] | None = None,
        num_classes: int | None = None,
    ) -> None:
        limit = math.inf if clip_std is None else check_positive("clip_std", clip_std)
        self.split = split
        self.nonfinite = nonfinite
        self.max_steps = checks.check_max_steps(max_steps)
        path = Path(data_root, data_file).expanduser()
        if not path.exists():
            raise FileNotFoundError(
                f"data_file: there is no file {path}. Set data_root (--data-root DIR) to the "
                f"folder that holds {path.name!r}"
            )
        table = load_data(path, format, **(reader_options or {}))
        table = checks.select_labels(table, label)
        if planted is not None:
            table = plant(table, read_planting(planted))
        table = _only(table, modalities, text_features)
        column = checks.split_column(table, split_column)
        checks.check_feature_dims(table, feature_dims or {})
        self._whole = table
        self._rows = checks.split_rows(table, column, split)
        self.scalers = {
            name: FeatureScaler.of(self._statistics(name, column), limit)
            for name in normalize
            if name in table.sequences
        }
        super().__init__(
            _take(table, self._rows, {name: self._prepared(name) for name in table.sequences}),
            modalities=modalities,
            tokenizer=tokenizer,
            max_tokens=max_tokens,
            lower_case=lower_case,
            text_prefix=text_prefix,
            label_range=label_range,
            transforms=transforms,
            foreign=foreign,
            num_classes=num_classes,
        )

    def clean(self, name: str, sequence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply ``max_steps`` and ``nonfinite='zero'`` to raw features (T, D)."""
        sequence = sequence[: self.max_steps.get(name)]
        return zero_nonfinite(sequence) if self.nonfinite == "zero" else sequence

    def scale(self, name: str, sequence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardize raw features (T, D) by the statistics of the training split."""
        return self.scalers[name](sequence) if name in self.scalers else sequence

    def _prepared(self, name: str) -> PreparedSequences:
        """Modality ``name`` of this split, checked for NaN and inf unless it is a store's."""
        raw = self._whole.sequences[name]
        stored = isinstance(raw, StoredSequences)
        if not stored and self.nonfinite == "error":
            found = scan(raw, self._rows, self.max_steps.get(name))
            checks.check_finite(self._whole, name, found, self._rows)
        mend = not stored and self.nonfinite == "zero"
        limit = self.max_steps.get(name)
        return PreparedSequences(raw, self._rows, limit, mend, self.scalers.get(name))

    def _statistics(self, name: str, column: str) -> StepStatistics:
        """Statistics of modality ``name`` over the steps of the training split, cut as here."""
        raw, limit = self._whole.sequences[name], self.max_steps.get(name)
        try:
            rows = checks.split_rows(self._whole, column, "train")
        except DataError as error:
            raise DataError(
                f"{error}. Normalization takes its statistics from the training split: set "
                "normalize=() to use the features as they are"
            ) from error
        uncut = limit is None or raw.lengths[rows].max() <= limit
        if uncut and isinstance(raw, StoredSequences) and column in raw.statistics:
            return raw.statistics[column]
        found = scan(raw, rows, limit)
        if self.nonfinite == "error":
            checks.check_finite(self._whole, name, found, rows)
        return found.statistics

    def _tokenize_table(self) -> TokenizedTexts:
        """Token ids of this split, of those of the whole table, which the splits share."""
        if self.tokenizer is None:
            return super()._tokenize_table()
        source = Path(self._whole.source)
        store = source if is_store(source) else None
        texts = self.as_read(self._whole.texts)
        return tokenize_cached(texts, self.tokenizer, self.max_tokens, store).select(self._rows)


def _only(table: FeatureTable, modalities: Sequence[str], text_features: bool) -> FeatureTable:
    """Leave out the sequences that are not used, so that they are not checked."""
    checks.check_modalities(modalities, table, precomputed_text=text_features)
    used = {name for name in modalities if name != "text" or text_features}
    sequences = {name: value for name, value in table.sequences.items() if name in used}
    return replace(table, sequences=sequences)


def _take(
    table: FeatureTable, rows: IndexArray, sequences: Mapping[str, PreparedSequences]
) -> FeatureTable:
    """``rows`` of all but the sequences, which are given."""
    return replace(replace(table, sequences={}).select(rows), sequences=sequences)
