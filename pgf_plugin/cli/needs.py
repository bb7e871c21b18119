"""What a config must have for a command, and how to add what it lacks."""

from collections.abc import Iterator, Sequence

from mmengine.config import Config
from mmengine.registry import DATASETS

from pgf_plugin.config.load import nodes, type_name
from pgf_plugin.config.slots import LOADERS
from pgf_plugin.datasets import BaseMSADataset

_COLLATE = "collate_fn=dict(type='msa_collate')"
_DATA = (
    "dict(batch_size=16, dataset=dict(type='MSADataset', split='{split}', …), "
    f"sampler=dict(type='DefaultSampler', shuffle={{shuffle}}), {_COLLATE})"
)
_ADD = {
    "train_dataloader": _DATA.format(split="train", shuffle=True),
    "train_cfg": "dict(by_epoch=True, max_epochs=10, val_interval=1)",
    "optim_wrapper": "dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3))",
    "test_dataloader": _DATA.format(split="test", shuffle=False),
    "test_cfg": "dict()",
    "test_evaluator": "dict(type='MSAMetric')",
}


def missing_parts(cfg: Config, needs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name what a config lacks.

    Args:
        cfg: a config.
        needs: keys of the table above.

    Yields:
        a key that is missing, and what to add.
    """
    for key in needs:
        if cfg.get(key) is None:
            yield key, f"add {key} = {_ADD[key]}"
    for key in LOADERS:
        loader = cfg.get(key)
        if isinstance(loader, dict) and "collate_fn" not in loader and _gives_samples(loader):
            yield f"{key}.collate_fn", f"add {_COLLATE}, which pads the samples to a batch"


def _gives_samples(loader: dict) -> bool:
    """Whether a dataset of this package, wrapped or not, feeds the loader."""
    found = (DATASETS.module_dict.get(type_name(node)) for node in nodes(loader.get("dataset")))
    return any(isinstance(kind, type) and issubclass(kind, BaseMSADataset) for kind in found)
