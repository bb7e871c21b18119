"""A modality that comes too late or too early."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pgf_plugin.datasets.transforms.base import (
    RandomTransform,
    by_modality,
    features_of,
    named_in,
    with_steps,
)
from pgf_plugin.errors import ConfigError, check_bool, check_finite, check_positive
from pgf_plugin.registry import TRANSFORMS

if TYPE_CHECKING:
    from pgf_plugin.datasets.base import Sample


@TRANSFORMS.register_module()
class TimeShift(RandomTransform):
    """Moves the features of a modality in time, against those of the others.

    The sequence keeps its length, and its steps their times: a shift of 3 puts what was step 0 at
    step 3. Steps that nothing moves into are zero, and real by the mask: a model is not told of the
    shift, as it would not be of a sensor that lags. What is moved beyond an end is lost.

    Args:
        steps: modality to the shift in steps, later if positive: ``dict(audio=10)``.
        seconds: instead, the shift in seconds. The steps a second come from ``rate``, or from the
            sample's ``audio_times`` where it has them.
        rate: modality to steps a second.
        random: whether each sample draws its shift, all from minus the shift to the shift alike.
        seed: of the draws.
        per_epoch: whether every epoch draws anew.

    Raises:
        ConfigError, ValueError: for an argument that is not allowed, or a shift in seconds of a
            sequence whose steps a second are not known.
    """

    def __init__(
        self,
        steps: Mapping[str, int] | None = None,
        seconds: Mapping[str, float] | None = None,
        rate: Mapping[str, float] | None = None,
        random: bool = False,
        seed: int = 0,
        per_epoch: bool = False,
    ) -> None:
        super().__init__(seed, per_epoch)
        if (steps is None) == (seconds is None):
            raise ConfigError(
                "a shift is given in steps, such as steps=dict(audio=10), or in seconds, such as "
                f"seconds=dict(audio=0.5): got steps={steps!r}, seconds={seconds!r}"
            )
        self.unit, shift = ("steps", steps) if seconds is None else ("seconds", seconds)
        for key, value in ((self.unit, shift), ("rate", rate)):
            if not isinstance(value, Mapping | None):
                raise ConfigError(f"{key} must be a dict such as dict(audio=10), got {value!r}")
        self.shift = by_modality(self.unit, shift, _integer if seconds is None else check_finite)
        self.rate = by_modality("rate", rate, check_positive) if rate else {}
        self.random = check_bool("random", random)
        self.named = (*named_in(shift), *named_in(rate))

    def __call__(self, sample: "Sample") -> "Sample":
        """Shift every modality that is to be shifted and that the sample has."""
        for name, shift in self.shift.items():
            values = features_of(sample, name, "TimeShift")
            if values is None or not len(values):
                continue
            rate = self._rate(sample, name) if self.unit == "seconds" else 1
            distance = round(shift * rate)
            if self.random:
                drawn = self.generator(sample, name)
                distance = int(drawn.integers(-abs(distance), abs(distance), endpoint=True))
            sample = with_steps(sample, name, shifted(values, distance))
        return sample

    def _rate(self, sample: "Sample", name: str) -> float:
        """Steps a second."""
        if name in self.rate:
            return self.rate[name]
        times = sample.get(f"{name}_times")
        duration = 0.0 if times is None else float(np.mean(times[:, 1] - times[:, 0]))
        if not duration > 0:
            raise ConfigError(
                f"seconds.{name} needs the steps a second of {name}, which the sample does not "
                f"tell: set rate=dict({name}=…), or give the shift in steps"
            )
        return 1 / duration


def shifted(values: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Move (T, D) by ``steps``, later if positive, with zeros in what becomes free."""
    moved = np.zeros_like(values)
    stays = max(len(values) - abs(steps), 0)
    if steps >= 0:
        moved[len(values) - stays :] = values[:stays]
    else:
        moved[:stays] = values[len(values) - stays :]
    return moved


def _integer(key: str, value: Any) -> int:
    integer = isinstance(value, int) and not isinstance(value, bool)
    if not integer:
        raise ValueError(f"{key} must be an integer, got {value!r}")
    return value
