"""What the folder of a bench says of itself, so that another bench does not write into it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pgf_plugin
from pgf_plugin.bench.plan import Trial
from pgf_plugin.bench.result import RESULT_FILE, SCHEMA_VERSION, TrialResult
from pgf_plugin.config.problem import count
from pgf_plugin.errors import DataError, WorkDirError
from pgf_plugin.json_files import write_json

BENCH_FILE = "bench.json"


@dataclass(frozen=True)
class Plan:
    """What ``bench.json`` says.

    Attributes:
        title: of the bench.
        trials: model, seed, dataset, setting and fingerprint of each, in the order of the plan.
        titled: whether somebody gave the title, so that it tells this bench from others.
    """

    title: str
    trials: list[dict[str, Any]]
    titled: bool = True

    @classmethod
    def of(cls, title: str, trials: Sequence[Trial], titled: bool = True) -> "Plan":
        """What is to be written for ``trials``."""
        keys = ("model", "seed", "dataset", "setting", "fingerprint")
        return cls(title, [{key: getattr(trial, key) for key in keys} for trial in trials], titled)

    def write(self, folder: Path) -> None:
        """Write ``bench.json``."""
        stamp = {"schema_version": SCHEMA_VERSION, "version": pgf_plugin.__version__}
        write_json(folder / BENCH_FILE, {**stamp, **asdict(self)})

    def is_of(self, other: "Plan") -> bool:
        """Whether both are of one bench: they share the title, or a trial.

        One without a title is that of another where both have a model on the same data.
        """
        if self._values("fingerprint") & other._values("fingerprint"):
            return True
        if self.titled and other.titled:
            return self.title == other.title
        return bool(self._values("model", "dataset") & other._values("model", "dataset"))

    def _values(self, *keys: str) -> set[tuple[Any, ...]]:
        return {tuple(trial[key] for key in keys) for trial in self.trials}

    def __str__(self) -> str:
        """Its title, or what it compares where it has none."""
        models = ", ".join(dict.fromkeys(trial["model"] for trial in self.trials))
        return repr(self.title) if self.titled else f"{self.title!r} of {models}"


def claim_folder(folder: Path, plan: Plan) -> list[str]:
    """See that a folder is this bench's, or nobody's, and write ``bench.json``.

    The same bench with more models, seeds or other options goes on in its folder.

    Args:
        folder: of the bench, held by this process.
        plan: of the bench.

    Returns:
        what the user must know.

    Raises:
        WorkDirError: if the folder is another bench's.
        DataError: if a later version of this package wrote there.
    """
    told = []
    try:
        before = read_plan(folder)
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        told.append(f"{_set_aside(folder / BENCH_FILE)}: was damaged ({error}), and is set aside")
        before = None
    if before is not None and not before.is_of(plan):
        raise WorkDirError(
            f"work_dir {folder} is that of another bench, {before}, with "
            f"{count(len(before.trials), 'trial')}, none of which {plan} has: give another folder "
            "(--work-dir DIR), or move this one away"
        )
    plan.write(folder)
    return told


def read_plan(folder: Path) -> Plan | None:
    """Read ``bench.json``; None where there is none.

    Raises:
        DataError: if a later version of this package wrote it.
        ValueError: if it is damaged.
    """
    path = folder / BENCH_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if isinstance(content, Mapping):
        check_version(content, path)
    try:
        trials = [dict(trial) for trial in content["trials"]]
        for trial in trials:
            trial["seed"] = int(trial["seed"])
            for key in ("model", "dataset", "setting", "fingerprint"):
                trial[key] = str(trial[key])
        return Plan(str(content["title"]), trials, content.get("titled", True) is not False)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def check_version(content: Mapping[str, Any], path: Path) -> None:
    """Refuse what a later version of this package wrote.

    Raises:
        DataError: with both versions and what to do.
    """
    version = content.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema version {version}, and pgf_plugin {pgf_plugin.__version__} reads "
            f"up to {SCHEMA_VERSION}: install the version that wrote it or a later one (python -m "
            "pip install --upgrade pgf-plugin), or give another folder (--work-dir DIR)"
        )


def finished_before(trial: Trial) -> tuple[TrialResult | None, str | None]:
    """Find the result of a trial that needs not be repeated.

    Returns:
        the result, or None; and what the user must know: a ``result.json`` that cannot be read is
        set aside, and the trial repeated.

    Raises:
        DataError: if a later version of this package wrote the result.
    """
    path = trial.folder / RESULT_FILE
    result = TrialResult.load(trial.folder)
    if result is not None:
        return (result if result.completes(trial) else None), None
    if not path.is_file():
        return None, None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if isinstance(content, Mapping):
        check_version(content, path)
    return None, f"{_set_aside(path)}: was damaged and is set aside; the trial is repeated"


def left_out(folder: Path, trials: Sequence[Trial]) -> list[str]:
    """Finished trials in the folder of a bench that are none of ``trials``, by name and seed."""
    planned = {trial.folder for trial in trials}
    others = (path.parent for path in sorted(folder.rglob(f"seed_*/{RESULT_FILE}")))
    results = (TrialResult.load(other) for other in others if other not in planned)
    return [f"{r.label}, seed {r.seed}" for r in results if r and r.status == "finished"]


def keep_earlier(trial: Trial) -> str | None:
    """Rename the result of a trial that was finished, and is trained again now.

    Returns:
        what the user must know; None where there is no such result.
    """
    result = TrialResult.load(trial.folder)
    if result is None or result.status != "finished":
        return None
    # One that is the same trial is tested on corrupted test sets without training, where it can be.
    same = result.fingerprint == trial.fingerprint
    why = (
        f"its checkpoint {result.checkpoint}, which the corrupted test sets need, is gone"
        if same
        else "its config, its data or the version has changed"
    )
    kept = _set_aside(trial.folder / RESULT_FILE, "earlier")
    return f"{why}: it is trained again, and the earlier result is kept as {kept.name}"


def _set_aside(path: Path, reason: str = "corrupt") -> Path:
    """Rename a file that is in the way, so that nothing that was in it is lost."""
    name = f"{path.name}.{reason}-{time.strftime('%Y%m%d-%H%M%S')}"
    aside, number = path.with_name(name), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{name}-{number}")
    return path.rename(aside)
