"""What is measured: a batch size, and how long each modality is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pgf_plugin.config.loaders import parts_of
from pgf_plugin.errors import check_one_of, check_positive_int
from pgf_plugin.structures import MODALITIES

DEFAULT_STEPS = 50
"""Tokens or steps where nobody says: what MMSA pads its word-aligned files to."""

_EXAMPLE = "write a number for all modalities, such as 50, or text=50,audio=500,vision=375"


class Lengths(NamedTuple):
    """Tokens of the text, and steps of audio and vision; every one of them is real."""

    text: int = DEFAULT_STEPS
    audio: int = DEFAULT_STEPS
    vision: int = DEFAULT_STEPS

    def __str__(self) -> str:
        """``'50'`` where all are alike, else ``'50/500/375'``."""
        return "/".join(map(str, self if len(set(self)) > 1 else self[:1]))


class Case(NamedTuple):
    """One cell of a profile."""

    batch_size: int
    lengths: Lengths


def parse_lengths(word: str) -> Lengths:
    """Read ``'50'``, or ``'text=50,audio=500,vision=375'``; what is left out has 50 steps.

    Raises:
        ValueError: for an unknown modality, or a length that is no integer >= 1.
    """
    if "=" not in word:
        return Lengths(*[_steps("--lengths", word)] * len(MODALITIES))
    given: dict[str, int] = {}
    for part in word.split(","):
        name, _, steps = part.partition("=")
        check_one_of("a modality of --lengths", name, MODALITIES)
        given[name] = _steps(f"--lengths {name}", steps)
    return Lengths(**given)


def _steps(key: str, text: str) -> int:
    try:
        steps = int(text)
    except ValueError:
        raise ValueError(f"{key} must be an integer >= 1, got {text!r}: {_EXAMPLE}") from None
    return check_positive_int(key, steps)


def configured_lengths(configs: Iterable[Mapping[str, Any]]) -> list[Lengths]:
    """To what the configs pad their test batches (``pad_to``), each once; 50 where they do not."""
    found = []
    for config in configs:
        keys = ("test_dataloader", "train_dataloader")
        loaders = [loader for key in keys for _, loader in parts_of(key, config.get(key))]
        loader = next(iter(loaders), {})
        pad_to = (loader.get("collate_fn") or {}).get("pad_to") or {}
        found.append(Lengths(**{name: pad_to[name] for name in MODALITIES if name in pad_to}))
    return list(dict.fromkeys(found))


def make_cases(batch_sizes: Sequence[int], lengths: Sequence[Lengths]) -> list[Case]:
    """All pairs, by length first.

    Raises:
        ValueError: for a batch size that is no integer >= 1.
    """
    sizes = [check_positive_int("--batch-sizes", size) for size in dict.fromkeys(batch_sizes)]
    return [Case(size, each) for each in dict.fromkeys(lengths) for size in sizes]
