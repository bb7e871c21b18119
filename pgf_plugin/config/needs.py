"""What a config must have for a command, and how to add what it lacks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.registry import DATASETS

from pgf_plugin.config.load import nodes, type_name
from pgf_plugin.config.loaders import loaders_of
from pgf_plugin.config.problem import Problem
from pgf_plugin.datasets import BaseMSADataset

_COLLATE = "collate_fn=dict(type='msa_collate')"
_DATA = (
    "dict(batch_size=16, dataset=dict(type='MSADataset', split='{split}', …), "
    f"sampler=dict(type='DefaultSampler', shuffle={{shuffle}}), {_COLLATE})"
)
_ADD = {
    "model": "dict(type='PGFNet', encoder=dict(type='HFTextEncoder', …), feature_dims=dict(…))",
    "train_dataloader": _DATA.format(split="train", shuffle=True),
    "train_cfg": "dict(by_epoch=True, max_epochs=10, val_interval=1)",
    "optim_wrapper": "dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3))",
    "val_dataloader": _DATA.format(split="val", shuffle=False),
    "val_cfg": "dict()",
    "val_evaluator": "dict(type='MSAMetric')",
    "test_dataloader": _DATA.format(split="test", shuffle=False),
    "test_cfg": "dict()",
    "test_evaluator": "dict(type='MSAMetric')",
}


def missing_parts(cfg: Mapping[str, Any], needs: Sequence[str], command: str) -> Iterator[Problem]:
    """Name what a config lacks.

    Args:
        cfg: a config.
        needs: keys of the table above.
        command: what needs them.
    """
    for key in needs:
        if cfg.get(key) is None:
            yield Problem(key, f"`pgf {command}` needs it: add {key} = {_ADD[key]}")


def check_collate(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """The engine's own way to make a batch does not pad the samples of this package."""
    for key, loader in loaders_of(cfg):
        if "collate_fn" not in loader and _gives_samples(loader):
            yield Problem(
                f"{key}.collate_fn",
                f"is missing: add {_COLLATE}, which pads the samples to a batch",
            )


def is_own_dataset(node: Mapping[str, Any]) -> bool:
    """Whether a node is a dataset of this package, or of a class that inherits from one."""
    kind = node.get("type")
    kind = DATASETS.module_dict.get(type_name(node)) if isinstance(kind, str) else kind
    return isinstance(kind, type) and issubclass(kind, BaseMSADataset)


def _gives_samples(loader: Mapping[str, Any]) -> bool:
    """Whether a dataset of this package, wrapped or not, feeds the loader."""
    return any(is_own_dataset(node) for node in nodes(loader.get("dataset")))
