"""Renames the state dict of an MMSA model to that of the model here that computes the same."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pgf_plugin.errors import DataError, check_one_of
from pgf_plugin.structures import MODALITIES

StateDict = Mapping[str, Tensor]

BERT = {"{bert}.model.": "encoder.encoder."}
BERT_UNTRAINED = (r"{bert}\.model\.pooler\..*", r"{bert}\.model\.embeddings\.position_ids")
"""Parts of MMSA's text encoder that its models never read."""

DATASETS = ("mosi", "mosei", "sims")
"""MMSA's names of the data sets that it has settings for."""

_PREFIX = "Model."
"""What MMSA's trainer writes before every name: its models sit inside a wrapper."""

_LISTED = 8


class ConvertedState(dict):
    """A converted state dict, as ``load_state_dict`` takes it.

    Attributes:
        dropped: names in MMSA that were left out, because MMSA never trains them.
    """

    def __init__(self, tensors: StateDict, dropped: Sequence[str]) -> None:
        super().__init__(tensors)
        self.dropped = tuple(dropped)


@dataclass(frozen=True)
class Conversion:
    """How one of MMSA's models becomes one here.

    Attributes:
        model: ``type`` of the model here.
        config: shipped config that builds it with MMSA's settings for MOSI.
        prefixes: beginning of a name in MMSA to its beginning here; ``{bert}`` stands for ``bert``.
        parts: pieces of names in MMSA to pieces here, replaced in order.
        dropped: patterns of whole names that MMSA has and never trains.
        unused: whether MMSA has this name and value, and never trains it, in this checkpoint.
        optional: prefixes in MMSA that a checkpoint may lack.
        bert: where MMSA keeps its text encoder; None for a model without.
        marks: those that are dropped and tell a model from another with the same names.
        reads: weight here that reads a modality, ``{}`` its name: (features out, features in, …).
        text_reads: the same for the text, where a model without a text encoder has another.
        reshape: changes values after all names are right, in place.
    """

    model: str
    config: str
    prefixes: Mapping[str, str]
    parts: Mapping[str, str] = field(default_factory=dict)
    dropped: Sequence[str] = ()
    unused: Callable[[str, Tensor], bool] = lambda name, value: False
    optional: Sequence[str] = ()
    bert: str | None = None
    marks: Sequence[str] = ()
    reads: str = ""
    text_reads: str | None = None
    reshape: Callable[[dict[str, Tensor]], None] = lambda tensors: None

    def __call__(self, name: str, state_dict: StateDict) -> ConvertedState:
        """Convert ``state_dict`` of MMSA's model ``name``.

        Raises:
            DataError: for missing or surplus names, all listed.
        """
        kept, dropped = self._split(state_dict)
        missing, surplus = self._misfits(kept, dropped)
        if missing or surplus:
            raise DataError(
                f"this is no state dict of MMSA's {name!r} that can be converted."
                f"{_listed('missing', missing)}{_listed('unknown', surplus)}\n"
                "Give the name that MMSA has for its model, and a checkpoint of MMSA 2.2.1"
            )
        tensors = {self._rename(key): value for key, value in kept.items()}
        self.reshape(tensors)
        return ConvertedState(tensors, dropped)

    def config_for(self, dataset: str) -> str:
        """The shipped config with MMSA's settings for ``dataset``, of :data:`DATASETS`."""
        name = self.config.replace("_mosi_", f"_{check_one_of('dataset', dataset, DATASETS)}_")
        # MMSA has no word-aligned features of CH-SIMS.
        return name.replace("_aligned", "_unaligned") if dataset == "sims" else name

    def widths(self, converted: StateDict) -> dict[str, int]:
        """Features a step that the weights read, by modality, as far as they tell."""
        names = {modality: self.reads.format(modality) for modality in MODALITIES}
        names["text"] = self.text_reads or names["text"]
        return {
            modality: converted[name].shape[1]
            for modality, name in names.items()
            if name in converted
        }

    @property
    def _prefixes(self) -> dict[str, str]:
        bert = {key.format(bert=self.bert): value for key, value in BERT.items()}
        return {**(bert if self.bert else {}), **self.prefixes}

    def fits(self, state_dict: StateDict) -> bool:
        """Whether ``state_dict`` has the names of this model, and no others."""
        return not any(self._misfits(*self._split(state_dict)))

    def share(self, state_dict: StateDict) -> float:
        """Which part of the names in ``state_dict`` this model knows, 0 to 1."""
        kept, dropped = self._split(state_dict)
        unknown = self._misfits(kept, dropped)[1]
        return (len(state_dict) - len(unknown)) / max(len(state_dict), 1)

    def _split(self, state_dict: StateDict) -> tuple[dict[str, Tensor], list[str]]:
        """What is converted, and the names of what is left out."""
        given = {key.removeprefix(_PREFIX): value for key, value in state_dict.items()}
        patterns = [pattern.replace("{bert}", self.bert or "") for pattern in self.dropped]
        dropped = [
            key
            for key, value in given.items()
            if any(re.fullmatch(p, key) for p in patterns) or self.unused(key, value)
        ]
        return {key: given[key] for key in given.keys() - set(dropped)}, dropped

    def _misfits(self, kept: StateDict, dropped: Sequence[str]) -> tuple[list[str], list[str]]:
        missing = [
            f"{prefix}…"
            for prefix in self._prefixes
            if prefix not in self.optional and not any(key.startswith(prefix) for key in kept)
        ]
        missing += [name for name in self.marks if name not in dropped]
        known = tuple(self._prefixes)
        return missing, sorted(key for key in kept if not key.startswith(known))

    def _rename(self, key: str) -> str:
        prefix = max((p for p in self._prefixes if key.startswith(p)), key=len)
        if prefix.startswith(f"{self.bert}."):
            return self._prefixes[prefix] + key.removeprefix(prefix)
        rest = key.removeprefix(prefix)
        for old, new in self.parts.items():
            rest = rest.replace(old, new)
        return self._prefixes[prefix] + rest


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"\n  {len(names)} {what}: {', '.join(names[:_LISTED])}{more}"
