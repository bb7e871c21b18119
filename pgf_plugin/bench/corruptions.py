"""``bench.corruptions``: what is done to the test set of a trained model, and how strongly."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mmengine.config import Config

from pgf_plugin.config.load import nodes
from pgf_plugin.config.loaders import parts_of
from pgf_plugin.config.nodes import NodeChecker
from pgf_plugin.config.problem import Problem
from pgf_plugin.config.signatures import arguments_of
from pgf_plugin.config.slots import SLOTS
from pgf_plugin.datasets.transforms.pipeline import SamplePipeline
from pgf_plugin.errors import ConfigError, did_you_mean, shown
from pgf_plugin.registry import SCOPE
from pgf_plugin.structures import MODALITIES

_KEYS = ("transform", "vary", "values")
_EXAMPLE = "dict(transform=dict(type='GaussianNoise'), vary='snr_db', values=[10, 0, -10])"


@dataclass
class CorruptedTest:
    """What a trained model scored on a corrupted test set.

    Attributes:
        corruption: its name in the bench.
        strength: its strength as text.
        transform: the transform of the test samples, as text: a result of another one is another.
        metrics: test metrics, as :class:`~pgf_plugin.bench.result.TrialResult` has them.
        error: why there are none, if so.
    """

    corruption: str
    strength: str
    transform: str
    metrics: dict[str, float] = field(default_factory=dict)
    error: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What was tested: name and transform."""
        return self.corruption, self.transform


class Corruption(NamedTuple):
    """One entry of ``bench.corruptions``.

    Attributes:
        name: in tables and plots.
        transform: config of a component of ``TRANSFORMS``, without what varies.
        vary: dotted keys of its arguments that take the strength.
        values: the strengths, in the order in which they are drawn.
    """

    name: str
    transform: dict[str, Any]
    vary: tuple[str, ...]
    values: tuple[Any, ...]

    def at(self, value: Any) -> dict[str, Any]:
        """Config of the transform at a strength."""
        config = deepcopy(self.transform)
        for key in self.vary:
            *path, last = key.split(".")
            node = config
            for part in path:
                node = node.setdefault(part, {})
            node[last] = value
        return config

    def test(self, value: Any) -> CorruptedTest:
        """The test at a strength, of which nothing is known yet."""
        strength = f"{value:g}" if isinstance(value, int | float) else str(value)
        return CorruptedTest(self.name, strength, repr(self.at(value)))


def read_corruptions(bench: Mapping[str, Any]) -> tuple[Corruption, ...]:
    """Read ``bench.corruptions`` of a bench that has no problem; empty where there are none."""
    return tuple(_read(name, entry) for name, entry in (bench.get("corruptions") or {}).items())


def _read(name: str, entry: Mapping[str, Any]) -> Corruption:
    plain = Config(dict(entry)).to_dict()  # a config's own dicts show otherwise
    vary = plain["vary"]
    keys = (vary,) if isinstance(vary, str) else tuple(vary)
    return Corruption(name, plain["transform"], keys, tuple(plain["values"]))


def corrupted_config(config: Config, transform: Mapping[str, Any]) -> Config:
    """A config whose test samples go through ``transform``, after what they go through already."""
    config = deepcopy(config)
    for node in _test_sets(config):
        node["transforms"] = [*(node.get("transforms") or ()), dict(transform)]
    return config


def _test_sets(config: Config) -> list[dict[str, Any]]:
    """The datasets below ``test_dataloader`` that take transforms."""
    checker, found = NodeChecker(config.get("default_scope") or SCOPE), []
    loaders = parts_of("test_dataloader", config.get("test_dataloader"))
    for node in (each for _, loader in loaders for each in nodes(loader.get("dataset"))):
        kind = checker.resolve("", node.get("type"), SLOTS["dataset"])
        if not isinstance(kind, Problem):
            accepted = arguments_of(kind).accepted
            if "transforms" in (node if accepted is None else accepted):
                found.append(node)
    return found


def misplaced(config: Config, corruptions: Sequence[Corruption]) -> Iterator[Problem]:
    """Find the corruptions that the test set of a trial has no place for."""
    if not corruptions or not config.get("test_dataloader"):
        return
    datasets = _test_sets(config)
    if not datasets:
        said = "test_dataloader.dataset takes no transforms, and a corruption is one"
        yield Problem("bench.corruptions", f"{said}: use MSADataset or SyntheticMSADataset")
    for corruption in corruptions:
        for node in datasets:
            try:
                SamplePipeline(
                    [corruption.at(corruption.values[0])], node.get("modalities") or MODALITIES
                )
            except ConfigError as error:
                said = str(error).removeprefix("transforms[0], ").replace(", acts", " acts", 1)
                yield Problem(f"bench.corruptions[{corruption.name!r}]", said)


def corruption_problems(bench: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what is wrong with ``bench.corruptions``, apart from what hangs on the data."""
    entries = bench.get("corruptions")
    if entries is None:
        return
    if not isinstance(entries, dict) or not entries:
        said = f"must be a dict of name to corruption, such as {{'noise': {_EXAMPLE}}}"
        yield Problem("bench.corruptions", f"{said}, got {shown(entries)}")
        return
    for name, entry in entries.items():
        place = f"bench.corruptions[{name!r}]"
        if not isinstance(name, str) or not name:
            said = f"a name must be a string that is not empty, got {name!r}"
            yield Problem("bench.corruptions", said)
            continue
        if found := list(_of_entry(place, entry)):
            yield from found
            continue
        corruption = _read(name, entry)
        yield from list(_of_transforms(place, corruption)) or _of_names(place, corruption)


def _of_entry(place: str, entry: Any) -> Iterator[Problem]:
    """Of one entry, whether its keys are there and of their types."""
    if not isinstance(entry, dict):
        yield Problem(place, f"must be such as {_EXAMPLE}, got {shown(entry)}")
        return
    for key, value in entry.items():
        if key not in _KEYS:
            said = f"unknown key (got {shown(value)}), allowed are {_KEYS}."
            yield Problem(f"{place}.{key}", said + did_you_mean(str(key), _KEYS))
    if absent := [key for key in _KEYS if key not in entry]:
        yield Problem(f"{place}.{absent[0]}", f"is missing: an entry is such as {_EXAMPLE}")
        return
    transform, vary, values = (entry[key] for key in _KEYS)
    if not isinstance(transform, dict) or "type" not in transform:
        said = f"must be dict(type=…), got {shown(transform)}"
        yield Problem(f"{place}.transform", said)
    keys = [vary] if isinstance(vary, str) else vary
    if not isinstance(keys, list | tuple) or not keys or not all(map(_is_key, keys)):
        said = "must be an argument of the transform, such as 'snr_db' or 'rate.audio', or a list"
        yield Problem(f"{place}.vary", f"{said} of those, got {shown(vary)}")
    elif isinstance(transform, dict) and (bad := [key for key in keys if _blocked(transform, key)]):
        yield Problem(f"{place}.vary", f"{bad[0]!r} is below an argument that is no dict")
    if not isinstance(values, list | tuple) or not values:
        said = f"must be a list with at least one strength, got {shown(values)}"
        yield Problem(f"{place}.values", said)
    elif len(set(map(repr, values))) < len(values):
        yield Problem(f"{place}.values", f"names a strength twice: {shown(values)}")


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and all(key.split(".")) and key != "type"


def _blocked(transform: Mapping[str, Any], key: str) -> bool:
    """Whether a part of a dotted key leads to something that is no dict."""
    node: Any = transform
    for part in key.split(".")[:-1]:
        node = node.get(part, {})
        if not isinstance(node, dict):
            return True
    return False


def _of_transforms(place: str, corruption: Corruption) -> Iterator[Problem]:
    """Build the transform at every strength, as the test will."""
    for value in corruption.values:
        config = corruption.at(value)
        checker = NodeChecker(SCOPE)
        problems = list(checker.place(f"{place}.transform", config, SLOTS["transforms"]))
        if problems:
            yield from problems
            return
        try:
            SamplePipeline([config], MODALITIES)
        except (ValueError, TypeError, KeyError) as error:
            yield Problem(f"{place}.values", f"{value!r}: {error}")


def _of_names(place: str, corruption: Corruption) -> Iterator[Problem]:
    """Of strengths under one name, the tables would show one alone."""
    named: dict[str, list[Any]] = {}
    for value in corruption.values:
        named.setdefault(corruption.test(value).strength, []).append(value)
    for name, values in named.items():
        if len(values) > 1:
            said = f"{shown(values)} are all called {name!r}, as names have six digits"
            yield Problem(f"{place}.values", f"{said}: take strengths that differ more")
