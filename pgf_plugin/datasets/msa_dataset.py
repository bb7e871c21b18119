"""Utterances from a feature file."""

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
from pgf_plugin.datasets.features import FeatureTable, RaggedArray
from pgf_plugin.datasets.formats import load_table
from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.errors import ConfigError, DataError, check_positive, check_positive_int, check_text
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
    """One split of a feature file: an MMSA pickle or an ``.npz`` table of utterances.

    The formats are described in :mod:`pgf_plugin.datasets.formats`. A file is read once a process,
    whatever number of datasets use it, and nothing that a hostile file carries is executed.

    Args:
        data_file: the file, relative to ``data_root``.
        split: name of the split; ``'val'`` also finds ``'valid'``, ``'validation'`` and ``'dev'``.
        data_root: folder of ``data_file``.
        split_column: which of several split columns counts.
        modalities: which of ``'text'``, ``'audio'``, ``'vision'`` a sample holds.
        tokenizer: encoder whose tokenizer turns transcripts into ``input_ids``.
        text_features: use the precomputed text features of the file instead of a tokenizer.
        lower_case: whether transcripts are lower-cased before they are tokenized.
        max_tokens: longer transcripts are cut.
        max_steps: modality to the longest sequence allowed; the steps after it are cut.
        normalize: modalities standardized by mean and deviation of the steps of the training split.
        clip_std: bound of the standardized values, in standard deviations; None for no bound.
        nonfinite: ``'error'`` refuses NaN and inf in a used modality, ``'zero'`` reads them as
            zeros (before the statistics are taken).
        label_range: smallest and largest label allowed.
        feature_dims: modality to the width that the model expects, checked where given.

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
        max_tokens=check_positive_int,
        max_steps=lambda _, steps: checks.check_max_steps(steps),
        normalize=checks.check_names,
        clip_std=optional(check_positive),
        nonfinite=one_of("error", "zero"),
        label_range=checks.check_range,
        feature_dims=checks.check_widths,
    )
    def __init__(
        self,
        data_file: str,
        split: str,
        data_root: str = "",
        split_column: str | None = None,
        modalities: Sequence[str] = MODALITIES,
        tokenizer: str | None = None,
        text_features: bool = False,
        lower_case: bool = False,
        max_tokens: int = 256,
        max_steps: Mapping[str, int] | None = None,
        normalize: Sequence[str] = ("audio", "vision"),
        clip_std: float | None = 5.0,
        nonfinite: checks.NonFinite = "error",
        label_range: tuple[float, float] = (-3.0, 3.0),
        feature_dims: Mapping[str, int] | None = None,
    ) -> None:
        limit = math.inf if clip_std is None else check_positive("clip_std", clip_std)
        self.nonfinite = nonfinite
        self.max_steps = checks.check_max_steps(max_steps)
        table = _only(load_table(Path(data_root, data_file)), modalities, text_features)
        column = checks.split_column(table, split_column)
        checks.check_feature_dims(table, feature_dims or {})
        part = table.select(checks.split_rows(table, column, split), self.max_steps)
        scaled = [name for name in normalize if name in part.sequences]
        self.scalers = {
            name: _fit(table, column, name, nonfinite, self.max_steps, limit) for name in scaled
        }
        self.split = split
        super().__init__(
            replace(part, sequences=self._scaled(part)),
            modalities=modalities,
            tokenizer=tokenizer,
            max_tokens=max_tokens,
            lower_case=lower_case,
            label_range=label_range,
        )

    def clean(self, name: str, sequence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply ``max_steps`` and ``nonfinite='zero'`` to raw features (T, D)."""
        sequence = sequence[: self.max_steps.get(name)]
        return checks.zero_nonfinite(sequence) if self.nonfinite == "zero" else sequence

    def scale(self, name: str, sequence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardize raw features (T, D) by the statistics of the training split."""
        return self.scalers[name](sequence) if name in self.scalers else sequence

    def _scaled(self, part: FeatureTable) -> dict[str, RaggedArray]:
        finite = {
            name: checks.finite_sequences(part, name, self.nonfinite) for name in part.sequences
        }
        return {
            name: RaggedArray(self.scale(name, sequences.values), sequences.offsets)
            for name, sequences in finite.items()
        }


def _only(table: FeatureTable, modalities: Sequence[str], text_features: bool) -> FeatureTable:
    """Leave out the sequences that are not used, so that they are neither copied nor checked."""
    checks.check_modalities(modalities, table, precomputed_text=text_features)
    used = {name for name in modalities if name != "text" or text_features}
    sequences = {name: value for name, value in table.sequences.items() if name in used}
    return replace(table, sequences=sequences)


def _fit(
    table: FeatureTable,
    column: str,
    name: str,
    nonfinite: checks.NonFinite,
    max_steps: Mapping[str, int],
    limit: float,
) -> FeatureScaler:
    """Statistics of modality ``name`` over the steps of the training split."""
    alone = replace(table, sequences={name: table.sequences[name]})
    try:
        training = alone.select(checks.split_rows(alone, column, "train"), max_steps)
    except DataError as error:
        raise DataError(
            f"{error}. Normalization takes its statistics from the training split: set "
            "normalize=() to use the features as they are"
        ) from error
    return FeatureScaler.fit(checks.finite_sequences(training, name, nonfinite).values, limit)
