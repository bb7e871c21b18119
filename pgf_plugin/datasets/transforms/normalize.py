"""Features brought to a common scale, by each sample's own statistics or by given ones."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.checks import check_names
from pgf_plugin.datasets.scaling import FeatureScaler
from pgf_plugin.datasets.transforms.base import (
    FEATURES,
    SampleTransform,
    features_of,
    with_steps,
)
from pgf_plugin.errors import ConfigError, DataError, check_one_of
from pgf_plugin.registry import TRANSFORMS

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample

_STATISTICS = {"zscore": ("mean", "std"), "minmax": ("min", "max")}


@TRANSFORMS.register_module()
class NormalizeFeatures(SampleTransform):
    """Scales every feature to mean 0 and deviation 1, or to 0 … 1.

    Statistics of the training split are what ``MSADataset(normalize=…)`` applies; this transform is
    for the two other cases: statistics of each sample alone, which take out what differs between
    speakers and recordings, and statistics that are known from elsewhere. A feature that does not
    vary becomes 0.

    Args:
        method: ``'zscore'``: ``(x - mean) / std``; ``'minmax'``: ``(x - min) / (max - min)``.
        modalities: which are scaled.
        statistics: modality to the given statistics, ``dict(mean=[…], std=[…])`` or
            ``dict(min=[…], max=[…])``, each a number or one number a feature; None for those of
            each sample over its own steps.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed.
        DataError: for statistics of another number of features than the sample has.
    """

    def __init__(
        self,
        method: str = "zscore",
        modalities: Sequence[str] = FEATURES,
        statistics: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.method = check_one_of("method", method, _STATISTICS)
        self.modalities = check_names("modalities", modalities)
        self.named = () if modalities is FEATURES else self.modalities
        self.statistics = None if statistics is None else self._read(statistics)

    def __call__(self, sample: "Sample") -> "Sample":
        """Scale the features of ``modalities``."""
        for name in self.modalities:
            steps = features_of(sample, name, "NormalizeFeatures")
            if steps is not None and len(steps):
                sample = with_steps(sample, name, self._scaler(name, steps)(steps))
        return sample

    def _scaler(self, name: str, steps: NDArray[np.float32]) -> FeatureScaler:
        if self.statistics is not None:
            scaler = self.statistics[name]
            if scaler.mean.size not in (1, steps.shape[1]):
                raise DataError(
                    f"NormalizeFeatures.statistics.{name} are of {scaler.mean.size} features, but "
                    f"the data have {steps.shape[1]}: give one number a feature, or one for all"
                )
            return scaler
        if self.method == "zscore":
            return FeatureScaler.fit(steps, np.inf)
        return _min_max(steps.min(0), steps.max(0))

    def _read(self, statistics: Mapping[str, Mapping[str, Any]]) -> dict[str, FeatureScaler]:
        first, second = _STATISTICS[self.method]
        found = {}
        for name in self.modalities:
            key = f"statistics.{name}"
            given = statistics.get(name) if isinstance(statistics, Mapping) else None
            if not isinstance(given, Mapping) or set(given) != {first, second}:
                raise ConfigError(
                    f"{key} must be dict({first}=…, {second}=…) for method={self.method!r}, got "
                    f"{given!r}"
                )
            low = _numbers(f"{key}.{first}", given[first])
            high = _numbers(f"{key}.{second}", given[second])
            if low.size != high.size:
                raise ConfigError(f"{key}: {first} has {low.size} numbers, {second} {high.size}")
            found[name] = _z_score(low, high) if self.method == "zscore" else _min_max(low, high)
            if not (found[name].std > 0).all():
                raise ConfigError(f"{key}: std must be > 0, and max above min, got {given!r}")
        return found


def _z_score(mean: NDArray[np.float32], std: NDArray[np.float32]) -> FeatureScaler:
    return FeatureScaler(mean, std, np.inf)


def _min_max(low: NDArray[np.float32], high: NDArray[np.float32]) -> FeatureScaler:
    return FeatureScaler(low, np.where(high == low, 1, high - low).astype(np.float32), np.inf)


def _numbers(key: str, value: Any) -> NDArray[np.float32]:
    """Read a number, or one number a feature, (D,)."""
    try:
        numbers = np.atleast_1d(np.asarray(value, np.float32))
    except (TypeError, ValueError):
        numbers = np.empty((0, 0), np.float32)
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
        raise ConfigError(f"{key} must be a finite number, or a list of them, got {value!r}")
    return numbers
