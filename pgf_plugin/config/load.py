"""Loads a config and applies what the command line says about it."""

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config

from pgf_plugin.config.loaders import loaders_of
from pgf_plugin.config.read_errors import explain
from pgf_plugin.config.resolve import find_config
from pgf_plugin.config.signatures import arguments_of
from pgf_plugin.errors import ConfigError
from pgf_plugin.pretrained import PACKAGE_PREFIX, resolve_pretrained
from pgf_plugin.registry import DATASETS, SCOPE

ENCODER_VARIABLE = "PGF_ENCODER"
"""Environment variable that stands in for ``--encoder``."""


def load_config(
    name: str | Path,
    cfg_options: Mapping[str, Any] | None = None,
    *,
    encoder: str | None = None,
    data_root: str | Path | None = None,
    work_dir: str | Path | None = None,
    seed: int | None = None,
) -> Config:
    """Load a config, text or pure Python, and apply overrides.

    Args:
        name: a file, or the name of a shipped config.
        cfg_options: mmengine's ``--cfg-options``: dotted key to value; applied last.
        encoder: name of the text encoder for every ``HFTextEncoder`` and every dataset that
            tokenizes; the environment variable ``PGF_ENCODER`` stands in where it is None.
        data_root: folder of the data, for every dataset that takes a ``data_root``.
        work_dir: where a run writes; ``work_dirs/<name of the config>`` where nobody says.
        seed: ``randomness.seed``.

    Raises:
        ConfigError: if there is no such config, it cannot be read, or an override fits nothing.
        FileNotFoundError, MissingExtraError: if ``encoder`` is a path or package that does not
            exist or holds no encoder, or ``data_root`` is no folder.
    """
    path = find_config(name)
    cfg = read_config(path)
    is_bench = "bench" in cfg  # its models come from other configs
    if not apply_encoder(cfg, encoder) and encoder and not is_bench:
        raise ConfigError(f"--encoder {encoder}: {path} has no HFTextEncoder that could load it")
    if data_root is not None and not apply_data_root(cfg, data_root) and not is_bench:
        raise ConfigError(f"--data-root {data_root}: no dataset of {path} takes a data_root")
    if cfg_options:
        apply_options(cfg, cfg_options)
    if seed is not None:
        cfg.randomness = {**(cfg.get("randomness") or {}), "seed": seed}
    if work_dir is not None:
        cfg.work_dir = str(work_dir)
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs", path.stem))
    return cfg


def apply_encoder(cfg: Config, encoder: str | None) -> int:
    """Point every text encoder and tokenizer of a config at ``encoder``.

    Args:
        cfg: changed in place.
        encoder: as ``resolve_pretrained`` takes it; where it is None, ``PGF_ENCODER``.

    Returns:
        how many text encoders there are; 0 if no encoder is asked for.

    Raises:
        FileNotFoundError, MissingExtraError: if there is no such encoder.
    """
    name = encoder or os.environ.get(ENCODER_VARIABLE)
    if not name:
        return 0
    if Path(resolve_pretrained(name)).is_dir() and not name.startswith(PACKAGE_PREFIX):
        name = str(Path(name).expanduser().resolve())
    tokenizers = [node.get("tokenizer") for node in dataset_nodes(cfg)]
    encoders = [node for node in nodes(cfg) if _reads_text(node, tokenizers)]
    for node in encoders:
        node["pretrained"] = name
        node.pop("architecture", None)  # it described the weights that were replaced
    for node in dataset_nodes(cfg):
        if _tokenizes(node, cfg.get("default_scope")):
            node["tokenizer"] = name
    if isinstance(cfg.get("encoder"), str):
        cfg.encoder = name
    return len(encoders)


def _reads_text(node: Mapping[str, Any], tokenizers: Sequence[Any]) -> bool:
    """Whether a node is a text encoder: of the models of any kind, that of the data's tokenizer."""
    known = node.get("pretrained") is not None and node["pretrained"] in tokenizers
    return type_name(node) == "HFTextEncoder" or (type_name(node) == "HFModel" and known)


def apply_data_root(cfg: Config, data_root: str | Path, key: str = "--data-root") -> int:
    """Point every dataset of a config that takes a ``data_root`` at the folder ``data_root``.

    Args:
        cfg: changed in place.
        data_root: folder of the data.
        key: what an error calls it.

    Returns:
        how many datasets there are that take a ``data_root``.

    Raises:
        FileNotFoundError: if there is no such folder.
    """
    folder = Path(data_root).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{key} {data_root}: there is no such folder")
    scope = cfg.get("default_scope")
    found = [node for node in dataset_nodes(cfg) if _takes_data_root(node, scope)]
    for node in found:
        node["data_root"] = str(folder)
    if "data_root" in cfg:
        cfg.data_root = str(folder)
    return len(found)


def type_name(node: Mapping[str, Any]) -> str:
    """The bare name in ``type``: of a string, with or without scope or path, or of a class."""
    kind = node.get("type")
    if isinstance(kind, str):
        return kind.rpartition(".")[2]
    return getattr(kind, "__name__", "")


def nodes(tree: Any) -> Iterator[dict]:
    """Every dict below ``tree``, itself included where it is one."""
    if isinstance(tree, Config):
        tree = tree._cfg_dict
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        for value in tree:
            yield from nodes(value)


def dataset_nodes(cfg: Config) -> Iterator[dict]:
    """Every node below a dataloader's ``dataset``, the wrapped datasets among them."""
    for _, loader in loaders_of(cfg):
        for node in nodes(loader.get("dataset")):
            if "type" in node:
                yield node


def _tokenizes(node: dict, scope: str | None) -> bool:
    if "tokenizer" in node:
        return node["tokenizer"] is not None
    dataset = _dataset_class(node, scope)
    return dataset is not None and _default_of(dataset, "tokenizer") is not None


def _takes_data_root(node: dict, scope: str | None) -> bool:
    dataset = _dataset_class(node, scope)
    accepted = None if dataset is None else arguments_of(dataset).accepted
    return "data_root" in (node if accepted is None else accepted)


def _dataset_class(node: dict, scope: str | None) -> Any:
    """The class or function that ``type`` names; None where nothing of that name is registered."""
    kind = node["type"]
    if not isinstance(kind, str):
        return kind
    try:
        with DATASETS.switch_scope_and_registry(scope or SCOPE) as active:
            return active.get(kind)
    except RuntimeError:  # how mmengine 0.10.7 says that there is none
        return None


def _default_of(component: Any, argument: str) -> Any:
    """Default value of an argument of a class or function, None where it has none."""
    found = inspect.signature(component).parameters.get(argument)
    return None if found is None or found.default is found.empty else found.default


def read_config(path: Path) -> Config:
    """Read one config file, with the files it inherits from.

    Raises:
        ConfigError: if it cannot be read, naming the file, the line and what was raised there.
    """
    try:
        cfg = Config.fromfile(str(path))
        for _ in nodes(cfg):  # a pure-Python config imports what it names only when it is asked
            pass
    except (Exception, SystemExit) as error:
        raise ConfigError(explain(path, error)) from error
    return cfg


def merge(cfg: Config, options: Mapping[str, Any]) -> None:
    """Merge options into a config, and leave them as they are for the next one.

    mmengine takes ``_delete_`` out of what it merges, and puts the dicts themselves into the
    config, where they change with it.
    """
    cfg.merge_from_dict(deepcopy(dict(options)))


def apply_options(cfg: Config, options: Mapping[str, Any]) -> None:
    """Merge mmengine's ``--cfg-options`` into a config.

    Args:
        cfg: changed in place.
        options: dotted key to value.

    Raises:
        ConfigError: if a key goes through a value that has no keys.
    """
    try:
        merge(cfg, options)
    except (KeyError, TypeError, IndexError, AssertionError) as error:
        raise ConfigError(
            f"--cfg-options do not fit {cfg.filename or 'the config'}: {error}"
        ) from error
