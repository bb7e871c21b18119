"""From the trials that have ended to a study of optuna, and from there to the next trial.

The files of the trials are the only storage: the study is made from them anew for every trial. What
a trial draws hangs on the trials before it and on its number alone, and so a search that is killed
and gone on with draws what the undisturbed one would have drawn.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.config import Config

from pgf_plugin.errors import require_extra
from pgf_plugin.tune.algorithms import build
from pgf_plugin.tune.record import TrialRecord, load_records
from pgf_plugin.tune.settings import Settings
from pgf_plugin.tune.space import Space, combinations, every_combination

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

_ATTEMPTS = 20
"""Draws after which the trials that are left are counted out."""

_COUNTED = 1 << 14
"""Trials that are worth counting out; in larger spaces hardly one is drawn twice."""

_RUNG = "completed_rung_"
"""Beginning of the keys under which optuna's pruners keep what they need of a trial."""


def load_study(cfg: Config, work_dir: str | Path) -> "Study":
    """Return a search as a study of optuna, for its own analyses, plots and storages.

    Args:
        cfg: the config of the search.
        work_dir: its folder.
    """
    return make_study(load_records(Path(work_dir))[0], Settings.of(cfg), 0)


def make_study(
    records: Sequence[TrialRecord], settings: Settings, number: int, attempt: int = 0
) -> "Study":
    """Make the study in which trial ``number`` is drawn.

    Args:
        records: trials that have ended.
        settings: the search.
        number: of the trial to be drawn, from which the sampler is seeded.
        attempt: another draw for the same trial.
    """
    optuna = require_extra("optuna", "tune")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    entropy = [settings.sampler.get("seed") or 0, number, attempt]
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    study = optuna.create_study(
        direction="maximize" if settings.higher_is_better else "minimize",
        sampler=build("samplers", settings.sampler, seed=seed),
        pruner=build("pruners", settings.pruner),
        study_name="tune",  # hyperband hashes it
    )
    study.add_trials([_frozen(record, settings.space) for record in records])
    return study


def next_trial(records: Sequence[TrialRecord], settings: Settings, number: int) -> "Trial":
    """Draw trial ``number``, another one than those before it where the space has another."""
    before = [record for record in records if record.number < number]
    tried = [record.params for record in before]
    distributions = _distributions(settings.space)
    finite = combinations(settings.space) is not None
    for attempt in range(_ATTEMPTS):
        trial = make_study(before, settings, number, attempt).ask(distributions)
        if not finite or trial.params not in tried:
            return trial
    if (combinations(settings.space) or 0) > _COUNTED:
        return trial
    left = [drawn for drawn in every_combination(settings.space) if drawn not in tried]
    if not left:
        return trial
    study = make_study(before, settings, number)
    study.enqueue_trial(left[number % len(left)])
    return study.ask(distributions)


def pruner_state(trial: "Trial") -> dict[str, float]:
    """What the pruner has written about a trial, for the trials after it."""
    state = trial.study.trials[trial.number].system_attrs
    return {key: value for key, value in state.items() if key.startswith(_RUNG)}


def _distributions(space: Space) -> dict[str, Any]:
    return {part.key: part.distribution() for part in space}


def _frozen(record: TrialRecord, space: Space) -> "FrozenTrial":
    of = require_extra("optuna", "tune").trial
    states = {
        "finished": of.TrialState.COMPLETE,
        "pruned": of.TrialState.PRUNED,
        "failed": of.TrialState.FAIL,
    }
    return of.create_trial(
        state=states[record.state],
        value=record.value,
        params=record.params,
        distributions=_distributions(space),
        intermediate_values=dict(enumerate(record.curve, start=1)),
        system_attrs=record.pruner_state,
    )
