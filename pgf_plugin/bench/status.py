"""How a trial gets on, as one small file in its folder that any process may read."""

import json
import math
import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from pgf_plugin.bench.pace import EPOCH, Pace
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.selection import DEFAULT_METRIC
from pgf_plugin.evaluation import METRICS
from pgf_plugin.json_files import write_json
from pgf_plugin.work_dir import process_start

STATUS_FILE = "status.json"
ENDED = ("finished", "failed", "interrupted")
"""States in which nothing computes any more."""

_PAUSE = 0.5
"""Seconds at least between two writings of steps; what happens seldom is written at once."""


@dataclass
class TrialStatus:
    """State of a trial at one moment.

    Attributes:
        model, seed, fingerprint, dataset, setting: those of the trial.
        state: ``'loading'``, ``'training'``, ``'testing'``, or one of :data:`ENDED`.
        step: iterations trained.
        of: iterations of the training; 0 while that is not known.
        epoch: epoch that is trained, counted from 1; the step, where ``unit`` says so.
        epochs: epochs, or steps, of the training.
        unit: in what the two are counted, see :class:`~pgf_plugin.bench.pace.Pace`.
        metric: validation metric by which the checkpoint is chosen.
        higher_is_better: direction of the metric.
        curve: its value after each validation.
        curve_epochs: epoch, or step, of each validation.
        best: best of them.
        resumed: how many of them an earlier process trained.
        notes: what else happened, in words.
        pid: process that computes.
        started: its :func:`~pgf_plugin.work_dir.process_start`.
        host: its machine.
        began: when the process began with the trial, seconds since 1970.
        time: when this was written, likewise.
        eta: seconds until the training ends, estimated from the steps of this process.
    """

    model: str
    seed: int
    fingerprint: str
    dataset: str = ""
    setting: str = ""
    state: str = "loading"
    step: int = 0
    of: int = 0
    epoch: int = 0
    epochs: int = 0
    unit: str = EPOCH
    metric: str = DEFAULT_METRIC
    higher_is_better: bool = False
    curve: list[float] = field(default_factory=list)
    curve_epochs: list[int] = field(default_factory=list)
    best: float | None = None
    resumed: int = 0
    notes: list[str] = field(default_factory=list)
    pid: int = field(default_factory=os.getpid)
    started: str | None = field(default_factory=lambda: process_start(os.getpid()))
    host: str = field(default_factory=socket.gethostname)
    began: float = field(default_factory=time.time)
    time: float = 0.0
    eta: float | None = None

    @classmethod
    def read(cls, folder: Path) -> "TrialStatus | None":
        """Read the status in the folder of a trial; None where there is none that is whole."""
        try:
            content = json.loads((folder / STATUS_FILE).read_text(encoding="utf-8"))
            status = cls(**{f.name: content[f.name] for f in fields(cls)})
            status.curve = [math.nan if at is None else float(at) for at in status.curve]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return status


class StatusWriter:
    """Writes the status of the trial that this process runs.

    Args:
        trial: whose folder exists.
        listener: is told of every change, also of those that come too fast to be written.
        higher_is_better: direction of the trial's metric; None where it is one of
            :data:`~pgf_plugin.evaluation.METRICS`.
    """

    def __init__(
        self,
        trial: Trial,
        listener: Callable[[TrialStatus], None] | None = None,
        higher_is_better: bool | None = None,
    ) -> None:
        if higher_is_better is None:
            higher_is_better = METRICS[trial.metric].higher_is_better
        self.status = TrialStatus(
            trial.model,
            trial.seed,
            trial.fingerprint,
            trial.dataset,
            trial.setting,
            metric=trial.metric,
            higher_is_better=higher_is_better,
        )
        self._folder = trial.folder
        self._listener = listener
        self._first: tuple[int, float] | None = None
        self._write()

    def state(self, name: str) -> None:
        """The trial is in another state."""
        self.status.state = name
        self.status.eta = None
        self._write()

    def tell(self, news: str) -> None:
        """Something happened that a reader should know."""
        self.status.notes.append(news)
        self._write()

    def step(self, done: int, of: int, pace: Pace) -> None:
        """``done`` of ``of`` iterations are trained; ``pace`` has what is trained now as done."""
        now, status = time.time(), self.status
        status.step, status.of = done, of
        status.unit, status.epoch, status.epochs = pace
        # The first step of a process has what happens once, and would count too much.
        first, since = self._first = self._first or (done, now)
        status.eta = (now - since) / (done - first) * (of - done) if done > first else None
        self._write(unless_written_after=now - _PAUSE)

    def resumed(self, pace: Pace, curve: list[float], epochs: list[int], best: float) -> None:
        """The trial goes on from a checkpoint; the rest is as for :meth:`validated`."""
        self.status.resumed = len(curve)
        self.status.notes.append(f"goes on after {pace.unit} {pace.done}/{pace.of}")
        self.validated(pace, curve, epochs, best)

    def validated(self, pace: Pace, curve: list[float], epochs: list[int], best: float) -> None:
        """The model was validated.

        Args:
            pace: how far the training is.
            curve: the metric of each validation so far.
            epochs: epoch, or step, of each.
            best: best of the curve.
        """
        self.status.unit, self.status.epoch, self.status.epochs = pace
        self.status.curve, self.status.curve_epochs = list(curve), list(epochs)
        self.status.best = best
        self._write()

    def _write(self, unless_written_after: float = math.inf) -> None:
        if self._listener is not None:
            self._listener(self.status)
        if unless_written_after < self.status.time:
            return
        self.status.time = time.time()
        try:
            write_json(self._folder / STATUS_FILE, asdict(self.status))
        except OSError:  # a disk that takes no more is told by what cannot do without it
            return
