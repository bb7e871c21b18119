"""Choosing parts of a module by patterns of their dotted names."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from pgf_plugin.errors import check_text, did_you_mean, shown

REGULAR = "re:"
"""Beginning of a pattern that is a regular expression."""

_HOW = (
    "A pattern is a dotted name in which * stands for one part, or a piece of one, and ** for any "
    f"number of parts, or a regular expression after '{REGULAR}'"
)
_SHOWN_NAMES = 8


def match_names(
    key: str, patterns: str | Sequence[str], names: Collection[str], hint: str = ""
) -> list[str]:
    r"""Return those of ``names`` that a pattern matches, in the order of ``names``.

    A pattern is a glob on dotted names, ``'encoder.layer.*'``, where ``*``, ``?`` and ``[0-5]``
    stay within one part and ``**`` is any number of parts; or a regular expression of the whole
    name, ``r're:encoder\.layer\.\d*[02468]'``.

    Args:
        key: what the patterns are called in a message.
        patterns: one or several.
        names: dotted names.
        hint: what to say beside the nearest names where a pattern matches none.

    Raises:
        ValueError: for what is no pattern, or one that matches no name.
    """
    listed = [patterns] if isinstance(patterns, str) else patterns
    if type(listed) not in (list, tuple):
        raise ValueError(f"{key} must be a pattern or a list of patterns, got {patterns!r}. {_HOW}")
    found: set[str] = set()
    for pattern in listed:
        matched = set(filter(_matcher(key, pattern), names))
        if not matched:
            raise ValueError(
                f"{key}: {pattern!r} matches none of {len(names)} names.{_near(pattern, names)}"
                f"{hint} {_HOW}"
            )
        found |= matched
    return [name for name in names if name in found]


def describe_stacks(module: nn.Module) -> str:
    """Say where ``module`` keeps layers of one kind in a row, each with the pattern that takes it.

    Such as ``" Stacks of layers: 'encoder.layer.*' (12 BertLayer)."``; empty where there is none.
    """
    stacks = []
    for name, child in module.named_modules():
        if isinstance(child, nn.ModuleList | nn.Sequential) and len(child) > 1:
            (kind, count), *_ = Counter(type(layer).__name__ for layer in child).most_common()
            if count > 1:
                stacks.append(f"'{name}.*' ({count} {kind})".replace("'.", "'"))
    return f" Stacks of layers: {', '.join(stacks[:_SHOWN_NAMES])}." if stacks else ""


def check_called(key: str, names: Collection[str], model: nn.Module) -> None:
    """Refuse parts of ``nn.MultiheadAttention``, which reads their weights and calls none of them.

    Args:
        key: what chose the parts.
        names: names of modules of ``model``.
        model: the model.

    Raises:
        ValueError: naming such parts, to which no hook and no LoRA would make a difference.
    """
    parts = [
        name
        for name in names
        if type(model.get_submodule(name.rpartition(".")[0])).forward
        is nn.MultiheadAttention.forward
    ]
    if parts:
        raise ValueError(
            f"{key}: nn.MultiheadAttention reads the weights of {', '.join(map(repr, parts))} and "
            "does not call them, so that what is put there would change nothing. Choose the "
            "attention itself or the layer around it for a block, other linear maps for LoRA"
        )


def _matcher(key: str, pattern: str) -> Callable[[str], bool]:
    check_text(f"a pattern of {key}", pattern)
    if not pattern.startswith(REGULAR):
        parts = pattern.split(".")
        return lambda name: _fits(parts, name.split("."))
    try:
        expression = re.compile(pattern.removeprefix(REGULAR))
    except re.error as error:
        said = f"{key}: {pattern!r} is no regular expression: {error}. {_HOW}"
        raise ValueError(said) from error
    return lambda name: expression.fullmatch(name) is not None


def _fits(parts: list[str], name: list[str]) -> bool:
    """Whether the parts of a glob match those of a name."""
    if not parts:
        return not name
    if parts[0] == "**":
        return any(_fits(parts[1:], name[start:]) for start in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], parts[0]) and _fits(parts[1:], name[1:])


def _near(pattern: str, names: Iterable[str]) -> str:
    names = list(names)
    ending = [name for name in names if _fits(["**", *pattern.split(".")], name.split("."))]
    if ending:
        return f" Did you mean {', '.join(map(repr, ending[:_SHOWN_NAMES]))}?"
    near = did_you_mean(pattern.removeprefix(REGULAR), names)
    first = list(dict.fromkeys(name.split(".")[0] for name in names))
    return near or f" They begin with {shown(first)}."
