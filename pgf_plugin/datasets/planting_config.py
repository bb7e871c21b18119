"""The option ``planted`` of a dataset: its keys, their defaults, and the checks of their values."""

from collections.abc import Mapping
from typing import Any

from pgf_plugin.datasets.planting import PlantedModality, Planting
from pgf_plugin.errors import (
    ConfigError,
    check_decibels,
    check_one_of,
    check_positive,
    check_positive_int,
    check_probability,
)

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "audio": {"dim": 5, "rate": 20.0},
    "vision": {"dim": 20, "rate": 15.0},
}
"""What is planted where the option does not say."""


def read_planting(config: Mapping[str, Any]) -> Planting:
    """Read the option ``planted`` of a dataset.

    Args:
        config: ``snr_db`` of all modalities (default 0); ``audio`` and ``vision``, each a dict of
            ``dim``, ``rate`` and a ``snr_db`` of its own (both are planted if neither is named);
            and ``share``, ``word_seconds``, ``label_limit``, ``seed`` of :class:`Planting`.

    Raises:
        ConfigError, ValueError: for a key or value that is not allowed.
    """
    common = ("share", "word_seconds", "label_limit", "seed")
    _check_keys("planted", config, ("snr_db", *DEFAULTS, *common))
    snr_db = check_decibels("planted.snr_db", config.get("snr_db", 0.0))
    names = [name for name in DEFAULTS if name in config] or list(DEFAULTS)
    planting = Planting(
        {name: _read_modality(name, config.get(name, {}), snr_db) for name in names},
        **{key: config[key] for key in common if key in config},
    )
    if not check_probability("planted.share", planting.share):
        raise ValueError("planted.share must be above 0, got 0: then no step carries signal")
    check_positive("planted.word_seconds", planting.word_seconds)
    check_positive("planted.label_limit", planting.label_limit)
    check_positive_int("planted.seed", planting.seed, at_least=0)
    for name, modality in planting.modalities.items():
        if modality.rate * planting.word_seconds < 1:
            raise ConfigError(
                f"planted.{name}.rate is {modality.rate:g} steps a second, less than one a word of "
                f"{planting.word_seconds:g} s: some words would have no step; set it to at least "
                f"{1 / planting.word_seconds:g}"
            )
    return planting


def _check_keys(key: str, config: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(config, Mapping):
        raise ConfigError(f"{key} must be a dict, such as dict({allowed[0]}=…), got {config!r}")
    for name in config:
        check_one_of(f"a key of {key}", name, allowed)


def _read_modality(name: str, config: Any, snr_db: float) -> PlantedModality:
    key = f"planted.{name}"
    _check_keys(key, config, ("dim", "rate", "snr_db"))
    values = {"snr_db": snr_db, **DEFAULTS[name], **config}
    return PlantedModality(
        dim=check_positive_int(f"{key}.dim", values["dim"], at_least=2),
        rate=check_positive(f"{key}.rate", values["rate"]),
        snr_db=check_decibels(f"{key}.snr_db", values["snr_db"]),
    )
