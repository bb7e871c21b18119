"""What the numbers of a trial stand on: encoder, data, versions, device, config."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pgf_plugin.bench.result import TrialResult

_OUTCOME = {
    *("model", "seed", "dataset", "setting", "status", "error", "cause", "retries"),
    *("metrics", "selection", "val_score", "best_epoch", "checkpoint", "learning_curve"),
    *("curve_epochs", "unit"),
    *("trainable", "total", "trainable_without_encoder", "ms_per_utterance", "train_seconds"),
    *("wall_seconds", "date", "config", "fingerprint", "corrupted"),
}
"""Fields of a trial that name it or are its outcome; all others are what it stands on."""

_SAID_ELSEWHERE = {"data.note", "data.best_achievable_mae", "data.planted"}


def provenance(result: TrialResult) -> dict[str, str]:
    """What a trial stands on, by dotted names such as ``environment.packages.torch``."""
    content = {key: value for key, value in asdict(result).items() if key not in _OUTCOME}
    return dict(_flat(content, ""))


def common_to_all(results: Iterable[TrialResult]) -> dict[str, str]:
    """What all of ``results`` stand on alike."""
    first, *rest = [provenance(result) for result in results]
    return {key: value for key, value in first.items() if all(r.get(key) == value for r in rest)}


def differing(first: TrialResult, second: TrialResult) -> dict[str, tuple[str, str]]:
    """What two trials do not stand on alike: both values, ``'none'`` where one lacks it."""
    one, two = (
        {"fingerprint": trial.fingerprint, **provenance(trial)} for trial in (first, second)
    )
    return {
        key: (one.get(key, "none"), two.get(key, "none"))
        for key in dict.fromkeys([*one, *two])
        if one.get(key) != two.get(key)
    }


def _flat(value: Any, name: str) -> Iterable[tuple[str, str]]:
    if name in _SAID_ELSEWHERE or value is None or value in ({}, ""):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        for each in value:  # files, by their names
            yield f"{name}.{each.get('name')}", str(each.get("sha256"))
    elif isinstance(value, list | tuple):
        yield name, ", ".join(map(str, value))
    else:
        yield name, str(value)
