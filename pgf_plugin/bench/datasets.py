"""One entry of ``bench.datasets``: the data of a trial in the place of those of its model's config.

A data set brings its dataloaders and evaluators, and what a model must know of it: the widths of
its features, the range of its labels, and the encoder of its language.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from pgf_plugin.config.load import (
    apply_data_root,
    dataset_nodes,
    merge,
    nodes,
    read_config,
    type_name,
)
from pgf_plugin.config.resolve import config_root, find_config
from pgf_plugin.config.signatures import arguments_of
from pgf_plugin.config.slots import LOADERS
from pgf_plugin.errors import ConfigError, did_you_mean
from pgf_plugin.registry import MODELS

_REPLACED = (*LOADERS, "val_evaluator", "test_evaluator")
_TOLD = ("feature_dims", "label_range", "encoder", "encoder_architecture")
_READ_FEATURES = ("PrecomputedTextEncoder", "FeatureTransformerEncoder")
ENTRY_KEYS = ("config", "data_root", "dataset", *_TOLD, *_REPLACED)
"""Keys of an entry, all of them optional: ``config``, the name of a config that has data;
``dataset``, arguments that all three datasets share; and those that the config may set itself."""


def check_chosen(kind: str, names: Sequence[str], entries: Mapping[str, Any]) -> None:
    """See that ``--models`` or ``--datasets`` names what the bench has.

    Args:
        kind: ``'models'`` or ``'datasets'``.
        names: what was chosen.
        entries: those of the bench.

    Raises:
        ConfigError: for a name that the bench has not.
    """
    for name in names:
        if name not in entries:
            raise ConfigError(
                f"--{kind} {name!r}: the bench has {list(entries) or f'no bench.{kind}'}."
                f"{did_you_mean(name, entries)}"
            )


def keep_datasets(bench: Any, names: Sequence[str]) -> None:
    """Leave only the data sets ``names`` in the ``bench`` of a config, which is changed.

    What others published on those that are left out goes with them.

    Raises:
        ConfigError: for a name that the bench has not.
    """
    entries = (bench.get("datasets") or {}) if isinstance(bench, dict) else {}
    if not isinstance(entries, dict):
        return  # the schema tells what is wrong with them
    check_chosen("datasets", names, entries)
    bench["datasets"] = {name: entry for name, entry in entries.items() if name in names}
    if isinstance(published := bench.get("published"), list | tuple):
        left_out = entries.keys() - set(names)
        bench["published"] = [
            each
            for each in published
            if not (isinstance(each, dict) and each.get("dataset") in left_out)
        ]


def find_data_config(name: str) -> Path:
    """Return the config that an entry names: of ``_base_/datasets``, or any that has data.

    Raises:
        ConfigError: if there is none.
    """
    shipped = config_root() / "_base_" / "datasets" / f"{name.removesuffix('.py')}.py"
    plain = "/" not in name and shipped.is_file() and not Path(name).is_file()
    return shipped if plain else find_config(name)


def apply_dataset(
    trial: Config, entry: str | Mapping[str, Any], overrides: Mapping[str, Any]
) -> None:
    """Replace the data of a trial.

    The batch size of the training stays the model's, to whose schedule it belongs, unless the entry
    itself sets one. The model keeps the modalities that it has, as far as the data have them.

    Args:
        trial: config of a model; changed in place.
        entry: name of a config, or ``dict(config=name, **overrides)`` with :data:`ENTRY_KEYS`.
        overrides: what ``bench.models`` says of the model beside its config. What it sets of the
            data, and an encoder that it names, is kept.

    Raises:
        ConfigError: if there is no such config.
    """
    given = {"config": entry} if isinstance(entry, str) else dict(entry)
    base = given.pop("config", None)
    data = read_config(find_data_config(base)) if base else Config()
    batch_size = (trial.get("train_dataloader") or {}).get("batch_size")
    own_size = "batch_size" in (given.get("train_dataloader") or {})
    _merge(data, given)
    if batch_size and not own_size and data.get("train_dataloader"):
        data.train_dataloader["batch_size"] = batch_size
    for key in _REPLACED:
        if key in data:
            trial[key] = data[key]
    merge(trial, {key: overrides[key] for key in _REPLACED if key in overrides})
    _tell_encoder(trial, data, overrides)
    _tell_widths(trial, data)
    _tell_range(trial, data)


def _merge(data: Config, given: dict[str, Any]) -> None:
    """Merge an entry's overrides into the config that it names."""
    root, shared = given.pop("data_root", None), given.pop("dataset", None)
    merge(data, given)
    if "feature_dims" in given:
        data.feature_dims = given["feature_dims"]
    for key in LOADERS if shared else ():
        if key in data:
            merge(data, {f"{key}.dataset": shared})
    if root is not None and not apply_data_root(data, root, "bench.datasets: data_root"):
        raise ConfigError(
            f"bench.datasets: data_root {root}: no dataset of the entry takes one; MSADataset would"
        )


def _tell_encoder(trial: Config, data: Config, overrides: Mapping[str, Any]) -> None:
    """Give the model the encoder of the data, and the data the tokenizer of the model."""
    model = overrides.get("model")
    named = model.get("encoder") if isinstance(model, Mapping) else None
    own = isinstance(named, Mapping) and ("pretrained" in named or "architecture" in named)
    encoders = [node for node in nodes(trial.get("model")) if type_name(node) == "HFTextEncoder"]
    name = data.get("encoder")
    for node in encoders:
        if name and not own and node.get("pretrained") != name:
            node["pretrained"] = name
            node.pop("architecture", None)  # of the encoder before
            if data.get("encoder_architecture"):
                node["architecture"] = data.encoder_architecture
    tokenizers = {node["pretrained"] for node in encoders if node.get("pretrained")}
    if len(tokenizers) == 1:
        for node in dataset_nodes(trial):
            if node.get("tokenizer") is not None:
                node["tokenizer"] = next(iter(tokenizers))


def _tell_widths(trial: Config, data: Config) -> None:
    widths = data.get("feature_dims") or _of_training(data).get("feature_dims")
    model = trial.get("model")
    if not isinstance(widths, Mapping) or not isinstance(model, dict):
        return
    if isinstance(model.get("feature_dims"), Mapping):
        kept = [name for name in model["feature_dims"] if name in widths]
        model["feature_dims"] = {name: widths[name] for name in kept}
    for node in nodes(model) if "text" in widths else ():
        if type_name(node) in _READ_FEATURES:
            node["in_features"] = widths["text"]


def _tell_range(trial: Config, data: Config) -> None:
    bounds = data.get("label_range") or _of_training(data).get("label_range")
    if not bounds:
        return
    for node, accepted in _components(trial.get("model")):
        if "label_range" in accepted:
            node["label_range"] = tuple(bounds)
        if "label_bound" in accepted:
            node["label_bound"] = float(max(map(abs, bounds)))


def _components(model: Any) -> Iterator[tuple[dict, frozenset[str]]]:
    """Every component of a model, and the arguments that it takes."""
    for node in nodes(model):
        kind = node.get("type")
        found = MODELS.module_dict.get(type_name(node)) if isinstance(kind, str) else kind
        if callable(found):
            yield node, arguments_of(found).accepted or frozenset()


def _of_training(data: Config) -> Mapping[str, Any]:
    dataset = (data.get("train_dataloader") or {}).get("dataset")
    return dataset if isinstance(dataset, Mapping) else {}
