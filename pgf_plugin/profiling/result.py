"""What a profile holds."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pgf_plugin.profiling.case import Case, Lengths
from pgf_plugin.profiling.size import Size

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Work:
    """FLOPs of one utterance in a forward pass, by component."""

    lengths: Lengths
    flops: dict[str, int]

    @property
    def total(self) -> int:
        """FLOPs of all components."""
        return sum(self.flops.values())

    @property
    def macs(self) -> int:
        """Multiply-adds, of two FLOPs each."""
        return self.total // 2


@dataclass(frozen=True)
class Cell:
    """One model in one case.

    Attributes:
        case: batch size and lengths.
        p50: median seconds of a forward pass.
        p95: the 95th percentile of the same.
        runs: how many passes these are of.
        peak_bytes: memory at most beyond weights and batch; None where it is not told.
        components: median seconds of each component.
    """

    case: Case
    p50: float
    p95: float
    runs: int
    peak_bytes: int | None
    components: dict[str, float]

    @property
    def throughput(self) -> float:
        """Utterances a second."""
        return self.case.batch_size / self.p50


@dataclass(frozen=True)
class ModelProfile:
    """All that was measured of one model."""

    label: str
    model: str
    size: Size
    work: list[Work]
    cells: list[Cell]


@dataclass(frozen=True)
class Profile:
    """Several models side by side.

    Attributes:
        models: in the order in which they were named.
        environment: device, threads, versions and commit.
    """

    models: list[ModelProfile]
    environment: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values, seconds and bytes; what is derived is written out, too."""
        return {
            "schema_version": SCHEMA_VERSION,
            "weights": "random",
            "batch": "synthetic",
            "environment": self.environment,
            "models": [_model(each) for each in self.models],
        }


def _model(model: ModelProfile) -> dict[str, Any]:
    return {
        "label": model.label,
        "model": model.model,
        "size": model.size._asdict(),
        "work": [
            {
                "lengths": work.lengths._asdict(),
                "flops": work.total,
                "macs": work.macs,
                "flops_by_component": work.flops,
            }
            for work in model.work
        ],
        "cells": [
            {
                **asdict(cell),
                "case": {
                    "batch_size": cell.case.batch_size,
                    "lengths": cell.case.lengths._asdict(),
                },
                "utterances_per_second": cell.throughput,
            }
            for cell in model.cells
        ],
    }
