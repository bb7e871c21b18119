"""How a bench gets on, read from its folder alone: from any shell, while it runs or afterwards."""

import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group
from rich.text import Text

from pgf_plugin.bench.folder import BENCH_FILE, read_plan
from pgf_plugin.bench.names import row_label, trial_folder
from pgf_plugin.bench.pace import unit_heading
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.bench.selection import DEFAULT_METRIC, best_of
from pgf_plugin.bench.status import ENDED, TrialStatus
from pgf_plugin.config.problem import count
from pgf_plugin.console import new_table
from pgf_plugin.errors import DataError
from pgf_plugin.evaluation import METRICS
from pgf_plugin.work_dir import is_held, runs_here

SILENT = 600.0
"""Seconds without news after which a process on another machine is thought to be gone."""

STATES = ("finished", "testing", "training", "loading", "waiting", "interrupted", "failed")
RUNNING = ("loading", "training", "testing")


@dataclass
class Watched:
    """What is known of a trial.

    Attributes:
        label: model, dataset and setting.
        seed: its seed.
        state: one of :data:`STATES`.
        status: what its process has written last, if it is of this plan.
        result: what it ended with, likewise.
    """

    label: str
    seed: int
    state: str
    status: TrialStatus | None = None
    result: TrialResult | None = None

    @property
    def best(self) -> float | None:
        """Best validation score so far."""
        if self.result is not None and self.result.status == "finished":
            return self.result.val_score
        return self.status.best if self.status is not None else None

    @property
    def seconds(self) -> float | None:
        """How long the training took; estimated while it runs."""
        if self.result is not None:
            return self.result.train_seconds
        status = self.status
        if status is None or status.eta is None:
            return None
        return status.time - status.began + status.eta


@dataclass
class View:
    """A bench at one moment.

    Attributes:
        title: of the bench.
        folder: of the bench.
        running: whether the process that runs the bench is there.
        trials: in the order of the plan.
    """

    title: str
    folder: Path
    running: bool
    trials: list[Watched]

    @property
    def metric(self) -> str:
        """What chooses the checkpoints: all of a bench by one metric."""
        told = [trial.result.selection for trial in self.trials if trial.result]
        told += [trial.status.metric for trial in self.trials if trial.status]
        return told[0] if told else DEFAULT_METRIC

    @property
    def best(self) -> Watched | None:
        """The trial with the best validation score so far."""
        scored = [trial for trial in self.trials if trial.best is not None]
        if not scored:
            return None
        higher = METRICS[self.metric].higher_is_better
        best = best_of([trial.best or 0.0 for trial in scored], higher)
        return next(trial for trial in scored if trial.best == best)

    @property
    def eta(self) -> float | None:
        """Seconds until the bench ends; None while nothing can be said of it."""
        if not self.running:
            return None
        now = [trial for trial in self.trials if trial.state in RUNNING]
        todo = [trial for trial in self.trials if trial.state in ("waiting", "interrupted")]
        known = [trial.seconds for trial in self.trials if trial.seconds is not None]
        if not known:
            return None
        usual = sum(known) / len(known)
        left = [_left(trial, usual) for trial in now] + [usual] * len(todo)
        return max(sum(left) / max(1, len(now)), *left) if left else 0.0


def look(folder: Path) -> View:
    """Read what a bench and its trials say of themselves.

    Raises:
        FileNotFoundError: if the folder is no bench's.
        DataError: if its ``bench.json`` is damaged, or of a later version.
    """
    try:
        plan = read_plan(folder)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(
            f"{folder / BENCH_FILE} is damaged ({error}): run the bench once more, which goes on"
        ) from error
    if plan is None:
        raise FileNotFoundError(
            f"{folder} has no {BENCH_FILE}, and is not the folder of a bench: give the DIR of "
            "`pgf bench CONFIG --work-dir DIR`"
        )
    running = is_held(folder)
    trials = [_look_at(folder, running, **trial) for trial in plan.trials]
    return View(plan.title, folder, running, trials)


def _look_at(
    work_dir: Path,
    running: bool,
    model: str,
    seed: int,
    dataset: str,
    setting: str,
    fingerprint: str,
) -> Watched:
    folder = trial_folder(work_dir, model, seed, dataset, setting)
    result, status = TrialResult.load(folder), TrialStatus.read(folder)
    result = result if result and result.fingerprint == fingerprint else None
    status = status if status and status.fingerprint == fingerprint else None
    watched = Watched(row_label(model, dataset, setting), seed, "waiting", status, result)
    if status is not None and status.state not in ENDED:
        silent = not running and time.time() - status.time > SILENT
        runs = runs_here(status.pid, status.host, status.started) and not silent
        watched.state = status.state if runs else "interrupted"
    if status is not None and status.state in ENDED:
        watched.state = "interrupted"
    if result is not None:
        watched.state = result.status
    return watched


def _left(trial: Watched, usual: float) -> float:
    if trial.status is not None and trial.status.eta is not None:
        return trial.status.eta
    return 0.0 if trial.state == "testing" else usual


def render(view: View) -> Group:
    """Draw a bench for a terminal."""
    table = new_table()
    table.add_column("trial", overflow="fold")
    scores = (f"validation {view.metric}", f"test {view.metric}")
    unit = unit_heading(trial.status.unit for trial in view.trials if trial.status)
    for heading in ("seed", "state", unit, "done", *scores, "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    for trial in view.trials:
        table.add_row(Text(trial.label), str(trial.seed), trial.state, *_cells(trial))
    lines = [_headline(view), *([best] if (best := _best_line(view)) else [])]
    return Group(Text(f"{view.title}  ({view.folder})"), table, *map(Text, lines))


def _cells(trial: Watched) -> list[str]:
    status, result = trial.status, trial.result
    epoch = f"{status.epoch}/{status.epochs}" if status and status.epochs else ""
    done = f"{status.step / status.of:.0%}" if status and status.of else ""
    best = f"{trial.best:.3f}" if trial.best is not None else ""
    test = result.metrics.get(result.selection, math.nan) if result else math.nan
    left = status.eta if status and trial.state in RUNNING else None
    return [epoch, done, best, "" if math.isnan(test) else f"{test:.3f}", shown_time(left)]


def _headline(view: View) -> str:
    counts = Counter(trial.state for trial in view.trials)
    said = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    what = "running" if view.running else "not running"
    if not view.running and counts["finished"] + counts["failed"] == len(view.trials):
        what = "ended"
    elif not view.running:
        what += ": the same command goes on"
    left = f", about {shown_time(view.eta)} left" if view.eta is not None else ""
    return f"{count(len(view.trials), 'trial')}: {said}; {what}{left}"


def _best_line(view: View) -> str | None:
    best = view.best
    if best is None:
        return None
    where = f"{best.label}, seed {best.seed}"
    return f"Best validation {view.metric} so far: {best.best:.3f} ({where})"


def shown_time(seconds: float | None) -> str:
    """``3725`` -> ``'1:02:05'``; nothing for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
