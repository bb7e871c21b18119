"""Settings that modalities share, or have each their own."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pgf_plugin.errors import check_one_of
from pgf_plugin.structures import MODALITIES


def by_modality(
    key: str, setting: Any, names: Collection[str], check: Callable[[str, Any], Any]
) -> dict[str, Any]:
    """One checked value for each of ``names``, from a single value or a mapping.

    Args:
        key: the argument's name, for messages.
        setting: one value for all, or a mapping that has every name; it may have more modalities.
        names: modalities, and what else has a value of its own.
        check: ``(key, value) -> value``, which raises for a value that is not allowed.

    Raises:
        ValueError: for an unknown name, one that is missing, or as ``check``.
    """
    if not isinstance(setting, Mapping):
        return dict.fromkeys(names, check(key, setting))
    for name in setting:
        check_one_of(f"a key of {key}", name, dict.fromkeys((*names, *MODALITIES)))
    if missing := [name for name in names if name not in setting]:
        raise ValueError(
            f"{key} must have a value for every modality that is used, got {dict(setting)!r} "
            f"without {missing}"
        )
    return {name: check(f"{key}.{name}", setting[name]) for name in names}
