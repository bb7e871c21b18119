"""How far a training is: in epochs, or in steps where its loop knows no epochs."""

from collections.abc import Iterable
from typing import NamedTuple

from mmengine.runner import IterBasedTrainLoop, Runner

EPOCH, STEP = "epoch", "step"


class Pace(NamedTuple):
    """How far a training is.

    Attributes:
        unit: in what it is counted: :data:`EPOCH` or :data:`STEP`.
        done: how many have ended.
        of: how many the training has.
    """

    unit: str
    done: int
    of: int


def pace_of(runner: Runner) -> Pace:
    """How far a ``Runner`` that trains is; a loop by iterations stays in its epoch 0 for ever."""
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return Pace(STEP, runner.iter, runner.max_iters)
    return Pace(EPOCH, runner.epoch, runner.max_epochs)


def unit_heading(units: Iterable[str]) -> str:
    """What stands over a column in which each line is counted in its own unit."""
    return " or ".join(dict.fromkeys(units)) or EPOCH
