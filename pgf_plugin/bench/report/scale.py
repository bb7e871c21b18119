"""From numbers to places on a chart."""

import math
from collections.abc import Iterable
from typing import NamedTuple


class Scale(NamedTuple):
    """A linear or logarithmic axis.

    Attributes:
        low, high: the numbers at its ends.
        start, end: their places.
        log: whether equal ratios are equal lengths.
        whole: whether ticks are whole numbers.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    def __call__(self, value: float) -> float:
        """Place of ``value``."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """About ``count`` round numbers on the axis."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.log and self.high / self.low >= 20:
            found = LogLocator(subs=(1.0,) if self.high / self.low > 1e3 else (1.0, 3.0))
            places = found.tick_values(self.low, self.high)
        else:
            steps = [1, 2, 5, 10] if self.whole else [1, 2, 2.5, 5, 10]
            locator = MaxNLocator(count, steps=steps, integer=self.whole)
            places = locator.tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        return [float(p) for p in places if self.low - slack <= p <= self.high + slack]


def scale_over(
    values: Iterable[float], start: float, end: float, *, log: bool = False, margin: float = 0.06
) -> Scale:
    """An axis from ``start`` to ``end`` that has room for the finite ones of ``values``."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = (min(finite), max(finite)) if finite else (1.0, 2.0)
    if log:
        ratio = max((high / low) ** margin, 1.15)
        return Scale(low / ratio, high * ratio, start, end, log=True)
    room = margin * (high - low) or 0.05 * abs(high) or 0.5
    return Scale(low - room, high + room, start, end)


def tick_text(value: float) -> str:
    """``1500000`` -> ``'1.5M'``, ``0.30000001`` -> ``'0.3'``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"
