"""The dataloaders of a config: one a key, or several where the loop is not one of the engine's."""

from collections.abc import Iterator, Mapping
from typing import Any

from pgf_plugin.config.slots import LOADERS

_MARKS = {"type", "dataset", "metrics"}
_OF_ONE = _MARKS | {"sampler", "batch_sampler", "collate_fn", "worker_init_fn"}
"""Keys of a dataloader or an evaluator, by which one is told from a dict of several."""


def loaders_of(cfg: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every dataloader with its place: ``val_dataloader``, or ``val_dataloader[1]``."""
    for key in LOADERS:
        yield from parts_of(key, cfg.get(key))


def parts_of(key: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The dataloaders or evaluators that a key of a config has, each with its place.

    Args:
        key: the key.
        value: one, a list of several or a dict of several; whatever is none of them is left out.
    """
    if isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from parts_of(f"{key}[{position}]", item)
    elif _are_parts(value):
        for name, item in value.items():
            yield f"{key}.{name}", item
    elif isinstance(value, Mapping):
        yield key, value


def are_several(value: Any) -> bool:
    """Whether a key has several dataloaders or evaluators, in a list or a dict."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return _are_parts(value)


def _are_parts(value: Any) -> bool:
    if not isinstance(value, Mapping) or not value or _OF_ONE & value.keys():
        return False
    return all(isinstance(item, Mapping) and _MARKS & item.keys() for item in value.values())
