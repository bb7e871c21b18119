"""Which split a video belongs to: the standard folds of CMU-MOSI, CMU-MOSEI and POM, or own ones.

The standard folds are those of the CMU-MultimodalSDK; they are asked of ``mmsdk`` and not copied,
so that they are what its users mean by them.
"""

import json
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pgf_plugin.errors import ConfigError, DataError, check_one_of, require_extra

STANDARD = {"mosi": "cmu_mosi", "mosei": "cmu_mosei", "pom": "pom"}
"""Name of a data set to what ``mmsdk`` calls it."""
SPLITS = ("train", "valid", "test")
NONE = "none"

Folds = str | Path | Mapping[str, Any]
"""A name of :data:`STANDARD`, ``'none'``, a JSON file, or video to split."""


def standard_folds(name: str) -> dict[str, str]:
    """Video to split, ``'train'``, ``'valid'`` or ``'test'``, of the data set ``name``.

    Raises:
        ValueError: for an unknown name.
        MissingExtraError: if ``mmsdk`` is not installed, with the command.
    """
    check_one_of("folds", name, STANDARD)
    folds = getattr(_sdk(), STANDARD[name]).standard_folds
    return {video: split for split in SPLITS for video in getattr(folds, f"standard_{split}_fold")}


def read_folds(folds: Folds, videos: Collection[str]) -> dict[str, str]:
    """Video to split.

    Args:
        folds: a name of :data:`STANDARD`; a mapping or the path of a JSON file of one, from video
            to split or from split to a list of videos.
        videos: those that are to be split; at least one of them must be in a fold.

    Raises:
        DataError: if the file is no such mapping, or has none of ``videos``.
        ValueError: for an unknown name, or what is neither of these.
    """
    if isinstance(folds, str) and not folds.endswith(".json"):
        return _with_any(folds, standard_folds(folds), videos)
    if isinstance(folds, Mapping):
        return _with_any("folds", _by_video("folds", folds), videos)
    if not isinstance(folds, str | Path):
        raise ConfigError(
            f"folds must be one of {', '.join(map(repr, (*STANDARD, NONE)))}, the path of a JSON "
            f"file, or a mapping such as {{'train': [video, …]}}, got {folds!r}"
        )
    path = Path(folds).expanduser()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"folds: {path} is no JSON ({error})") from error
    return _with_any(str(path), _by_video(str(path), content), videos)


def detect_folds(videos: Collection[str]) -> str:
    """Name of the data set whose standard folds have most of ``videos``, and at least half.

    Raises:
        DataError: if none has.
    """
    shares = {name: len(standard_folds(name).keys() & set(videos)) for name in STANDARD}
    best = max(shares, key=lambda name: shares[name])
    if 2 * shares[best] < len(videos):
        raise DataError(
            f"the videos {sorted(videos)[:3]}, … are in no standard folds ({', '.join(STANDARD)}): "
            f"set folds to a JSON file {{video: split}}, or to {NONE!r} to read them without"
        )
    return best


def _sdk() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of its syntax when it is compiled
        return require_extra("mmsdk.mmdatasdk", "mmsdk")


def _by_video(where: str, content: Any) -> dict[str, str]:
    if not isinstance(content, Mapping):
        raise DataError(
            f"folds: {where} must be a mapping, such as {{video: 'train'}} or "
            f"{{'train': [video, …]}}, got {type(content).__name__}"
        )
    folds: dict[str, str] = {}
    for key, value in content.items():
        several = isinstance(value, list | tuple)
        pairs = [(video, key) for video in value] if several else [(key, value)]
        for video, split in pairs:
            if not isinstance(video, str) or not isinstance(split, str):
                raise DataError(f"folds: {where} has {video!r}: {split!r}; both must be text")
            if folds.setdefault(video, split) != split:
                raise DataError(f"folds: {where} has {video!r} in {folds[video]!r} and {split!r}")
    return folds


def _with_any(where: str, folds: dict[str, str], videos: Collection[str]) -> dict[str, str]:
    if folds.keys().isdisjoint(videos):
        raise DataError(
            f"folds: {where} and the labels share no video: {sorted(folds)[:3]}, … and "
            f"{sorted(videos)[:3]}, …"
        )
    return folds
