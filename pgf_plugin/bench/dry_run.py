"""``pgf bench --dry-run``: the trials, what they would cost, and what could not work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pgf_plugin.bench.check import ALL_MODELS, BENCH, check_bench, compose_models
from pgf_plugin.bench.corrupted import trained_before
from pgf_plugin.bench.executors import build
from pgf_plugin.bench.measure import WARM_STEPS, Cost, measure, peak_memory
from pgf_plugin.bench.plan import Trial, check_models, plan_trials
from pgf_plugin.bench.result import TrialResult
from pgf_plugin.config.problem import count
from pgf_plugin.console import new_table, open_console, print_plain
from pgf_plugin.doctor.configs import lacks_here
from pgf_plugin.errors import ConfigError, MissingExtraError

FINISHED, TO_TEST, TO_RUN, TO_REPEAT = "finished", "to test", "to run", "to run again"
"""A trial to test is trained, and lacks corrupted test sets of the bench; one to run again was
finished with another config, other data or another version, or its checkpoint is gone."""

_TRAINED = (FINISHED, TO_TEST)
"""What costs no training."""


class Planned(NamedTuple):
    """A trial, whether it is finished already, and what it would cost if not."""

    trial: Trial
    state: str
    cost: Cost | None


class DryRun(NamedTuple):
    """What a dry run found.

    Attributes:
        planned: the trials in their order; none where the bench cannot be planned.
        problems: everything that could not work, one line each.
    """

    planned: list[Planned]
    problems: list[str]

    @property
    def seconds(self) -> float:
        """Of all trials that are not finished, one after another."""
        return sum(each.cost.seconds for each in self.planned if each.cost)


def dry_run(
    config: Config,
    work_dir: str | Path,
    *,
    models: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    cfg_options: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    data_root: str | Path | None = None,
    executor: str | Mapping[str, Any] | None = None,
    workers: int | str | None = None,
) -> DryRun:
    """Plan a bench, train a few steps of each of its rows, and tell what could not work.

    Arguments are those of :func:`~pgf_plugin.bench.run.run_bench`. Nothing is written to
    ``work_dir``, which need not exist; token ids are kept in the user's cache, as always.
    """
    options: dict[str, Any] = {
        "cfg_options": cfg_options,
        "encoder": encoder,
        "data_root": data_root,
        "models": models,
    }
    problems, wrong = _problems(config, Path(work_dir), options, executor, workers)
    trials: list[Trial] = []
    try:
        trials = plan_trials(config, Path(work_dir), seeds=seeds, **options)
    except (ValueError, OSError, MissingExtraError) as error:
        problems = problems or [str(error)]  # most likely one of those
    states = {trial.folder: _state(trial) for trial in trials}
    costs: dict[str, Cost] = {}
    for trial in trials:
        done = states[trial.folder] in _TRAINED or trial.label in costs
        if done or wrong & _names_of(trial):
            continue
        measured = _attempt(trial)
        if isinstance(measured, Cost):
            costs[trial.label] = measured
        else:
            wrong.add(trial.label)
            problems.append(measured)
    planned = [
        Planned(trial, state, None if state in _TRAINED else costs.get(trial.label))
        for trial in trials
        for state in [states[trial.folder]]
    ]
    return DryRun(planned, problems)


def print_dry_run(found: DryRun, console: Console | None = None) -> None:
    """Print the trials with their costs, and the problems, to the standard output by default."""
    console = open_console(console, 120)
    if found.planned:
        console.print(_table(found.planned))
        for line in _summary(found):
            print_plain(console, line)
    if found.problems:
        print_plain(console, f"\n{count(len(found.problems))}, so nothing would be run:")
        for problem in found.problems:
            print_plain(console, "  " + problem.replace("\n", "\n    "))


def duration(seconds: float) -> str:
    """``'8 s'``, ``'12 min'``, ``'3.5 h'``, ``'2.1 days'``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def _problems(
    config: Config, work_dir: Path, options: Mapping[str, Any], executor: Any, workers: Any
) -> tuple[list[str], set[str]]:
    """What is wrong with the bench, or missing on this machine, and the labels of those rows."""
    checked = check_bench(config, **options)
    wrong = {label for label, problems in checked.items() if problems}
    found = [
        str(problem) if label == BENCH else f"{label}: {problem}"
        for label, problems in checked.items()
        for problem in problems
    ]
    if not checked[BENCH]:
        found += _refusals(check_models, config.bench, options["models"])
    bench = config.get("bench")
    if isinstance(bench, dict) and not any(text.startswith("bench.executor") for text in found):
        found += _refusals(build, executor or bench.get("executor"), workers=workers)
    told = set()
    for label, trial in compose_models(config, **options):
        if not isinstance(trial, Config):
            continue
        trial.work_dir = str(work_dir)
        for lack in lacks_here(label, trial):
            if not lack.broken:
                continue
            wrong.add(label)
            common = str(lack).removeprefix(f"{label}: ")
            if common not in told:  # of every row that has the same data or encoder
                told.add(common)
                found.append(str(lack))
    return found, wrong


def _names_of(trial: Trial) -> set[str]:
    """Labels under which a problem of a trial may be told."""
    return {trial.label, ALL_MODELS, BENCH}


def _refusals(check: Callable[..., Any], *arguments: Any, **options: Any) -> list[str]:
    """What ``check`` refuses, with these arguments; empty where it passes."""
    try:
        check(*arguments, **options)
    except (ConfigError, MissingExtraError) as error:
        return [str(error)]
    return []


def _state(trial: Trial) -> str:
    done = TrialResult.load(trial.folder)
    if done is None or done.status != "finished":
        return TO_RUN
    if done.completes(trial):
        return FINISHED
    return TO_TEST if trained_before(trial) else TO_REPEAT


def _attempt(trial: Trial) -> Cost | str:
    """The cost of a trial, or why it could not work: a model may raise anything."""
    try:
        return measure(trial.config, len(trial.corrupted_tests))
    except Exception as error:  # noqa: BLE001
        return f"{trial.label}: {type(error).__name__}: {error}"


def _table(planned: Sequence[Planned]) -> Table:
    table = new_table()
    table.add_column("#", justify="right")
    for name in ("trial", "seed", "state", "steps", "ms a step", "about", "GPU"):
        numeric = name not in ("trial", "state")
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for number, (trial, state, cost) in enumerate(planned, 1):
        cells: list[str | Text] = [str(number), Text(trial.label), str(trial.seed), state]
        if cost is not None:
            most = "at most " if cost.stops_early else ""
            cells += [str(cost.steps), f"{1000 * cost.step:.0f}", most + duration(cost.seconds)]
            cells += [_gibibytes(cost.gpu_bytes)]
        table.add_row(*cells)
    return table


def _summary(found: DryRun) -> Iterator[str]:
    finished = sum(each.state == FINISHED for each in found.planned)
    to_test = sum(each.state == TO_TEST for each in found.planned)
    left = len(found.planned) - finished - to_test
    most = "at most " if any(each.cost and each.cost.stops_early for each in found.planned) else ""
    trained = f", {to_test} trained and to test" if to_test else ""
    yield f"{count(len(found.planned), 'trial')}, {finished} finished{trained}, {left} to run"
    if again := sum(each.state == TO_REPEAT for each in found.planned):
        yield (
            f"{again} of them again: finished before, with another config, other data or another "
            "version, or without a checkpoint that is needed. The old result is kept beside the "
            "new, checkpoints and predictions are replaced; another --work-dir leaves all as it is"
        )
    if found.seconds:
        yield (
            f"about {most}{duration(found.seconds)} one after another (extrapolated from "
            f"{WARM_STEPS} steps of each row on this machine)"
        )
    if (peak := peak_memory()) is not None:
        yield f"memory of this process at its peak: {_gibibytes(peak)}"


def _gibibytes(size: int | None) -> str:
    return "" if size is None else f"{size / 2**30:.1f} GiB"
