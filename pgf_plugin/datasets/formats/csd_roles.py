"""Which of several computational sequences are the words, the labels, and which modality."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgf_plugin.datasets.formats.csd_file import CsdFile
from pgf_plugin.datasets.formats.options import NONE, text_list
from pgf_plugin.errors import DataError, did_you_mean

_PATTERNS = {
    "labels": r"label|opinion|sentiment|emotion",
    "audio": r"covarep|opensmile|acoustic|audio|speech",
    "vision": r"facet|openface|visual|vision|densenet|vgg",
    "text": r"glove|bert|word.?vec|embedding|language",
}
"""What the names of sequences of numbers have in them; labels are looked for first."""
_LEADING_LABELS = r"sentiment|opinion"

Given = Mapping[str, Any]
"""Role to what the caller said of it: a name, for labels also several, or None."""


@dataclass(frozen=True)
class Roles:
    """The sequences to read.

    Attributes:
        labels: the first one has the intervals of the utterances and, first, their label.
        words: the transcript, one word a step.
        modalities: modality to its features; ``'text'`` are word vectors.
    """

    labels: tuple[CsdFile, ...]
    words: CsdFile | None
    modalities: Mapping[str, CsdFile]

    @property
    def sequences(self) -> list[CsdFile]:
        """All but the labels."""
        words = [] if self.words is None else [self.words]
        return [*words, *self.modalities.values()]


def find_roles(folder: Path, files: Sequence[CsdFile], given: Given) -> Roles:
    """Tell what each of ``files`` is, by what the caller said, or else by content and names.

    Raises:
        DataError: if a role cannot be told, listing what was found; if there are no labels, or
            nothing but labels.
        ValueError: for a name that no file has, or what is no name.
    """
    found = {
        role: [_by_name(role, name, files) for name in _names(role, value)]
        for role, value in given.items()
        if value is not None
    }
    taken = [id(file) for several in found.values() for file in several]
    guessed: dict[str, list[CsdFile]] = {}
    for file in files:
        if id(file) not in taken:
            guessed.setdefault(_guess(file), []).append(file)
    listing = "Found: " + "; ".join(map(_describe, files))
    for role in [role for role in given if role not in found]:
        found[role] = _only(folder, role, guessed.get(role, []), listing)
    unknown = [file.path.name for file in guessed.get("", [])]
    unset = [role for role, value in given.items() if value is None and not found[role]]
    if unknown and unset:
        raise DataError(
            f"{folder}: cannot tell what {unknown} is: set one of {unset} to it, or each of them "
            f"to {NONE!r}. {listing}"
        )
    if not found["labels"]:
        raise DataError(f"{folder}: no sequence has labels; set labels to one. {listing}")
    if len(found["labels"]) == sum(map(len, found.values())):
        raise DataError(
            f"{folder}: there are labels and nothing that they are of: put the sequences of "
            f"words, audio and vision beside them. {listing}"
        )
    return Roles(
        labels=tuple(found.pop("labels")),
        words=next(iter(found.pop("words")), None),
        modalities={role: several[0] for role, several in found.items() if several},
    )


def _names(role: str, value: Any) -> list[str]:
    """Names in a list, or in one string with commas between them."""
    names = value.split(",") if isinstance(value, str) else text_list(role, value)
    return [] if names == [NONE] else names


def _by_name(role: str, name: str, files: Sequence[CsdFile]) -> CsdFile:
    known = {each: file for file in files for each in (file.root_name, file.path.stem)}
    known |= {file.path.name: file for file in files}
    if name not in known:
        raise ValueError(
            f"{role} must be one of {sorted(file.path.name for file in files)}, or {NONE!r}, "
            f"got {name!r}.{did_you_mean(name, known)}"
        )
    return known[name]


def _guess(file: CsdFile) -> str:
    """The role of a sequence, ``'phones'`` for one that has none, empty where it is not told."""
    names = _lower_names(file)
    if "phone" in names:
        return "phones"
    if file.is_text:
        return "words"
    roles = [role for role, pattern in _PATTERNS.items() if re.search(pattern, names)]
    return roles[0] if len(roles) == 1 or "labels" in roles else ""


def _only(folder: Path, role: str, files: list[CsdFile], listing: str) -> list[CsdFile]:
    """Return ``files`` if it is one or none, or labels of which one leads; that one first."""
    if len(files) < 2:
        return files
    leading = [file for file in files if re.search(_LEADING_LABELS, _lower_names(file))]
    if role == "labels" and len(leading) == 1:
        return [*leading, *(file for file in files if file is not leading[0])]
    raise DataError(
        f"{folder}: several sequences may be the {role}, {[file.path.name for file in files]}: "
        f"set {role} to one of them, or to {NONE!r}. {listing}"
    )


def _lower_names(file: CsdFile) -> str:
    return f"{file.path.stem} {file.root_name}".lower()


def _describe(file: CsdFile) -> str:
    return f"{file} with {'text' if file.is_text else f'{file.width} numbers'} a step"
