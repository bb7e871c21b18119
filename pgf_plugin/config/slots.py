"""The places of a config: which registry builds what stands there, as ``Runner`` does it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """What may stand at a place of a config.

    Attributes:
        registry: Python name of the root registry that builds it.
        default: component where the node has no ``type``; None where ``type`` is needed.
        supplied: arguments that the builder fills in.
        extra: keys that the builder takes out.
        several: whether a list may stand there; torch takes one for a data set and a sampler.
    """

    registry: str
    default: str | None = None
    supplied: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    several: bool = False


_LOOP = ("runner", "dataloader", "evaluator")
SLOTS: dict[str, Slot] = {
    "model": Slot("MODELS"),
    "data_preprocessor": Slot("MODELS"),
    "dataset": Slot("DATASETS", several=True),
    "datasets": Slot("DATASETS", several=True),
    "pipeline": Slot("TRANSFORMS", several=True),
    "transforms": Slot("TRANSFORMS", several=True),
    "sampler": Slot("DATA_SAMPLERS", supplied=("dataset", "seed"), several=True),
    "batch_sampler": Slot("DATA_SAMPLERS", supplied=("sampler", "batch_size"), several=True),
    "collate_fn": Slot("FUNCTIONS"),
    "worker_init_fn": Slot("FUNCTIONS"),
    "val_evaluator": Slot("METRICS", several=True),
    "test_evaluator": Slot("METRICS", several=True),
    "metrics": Slot("METRICS", several=True),
    "default_hooks": Slot("HOOKS", extra=("priority",)),
    "custom_hooks": Slot("HOOKS", extra=("priority",), several=True),
    "optim_wrapper": Slot(
        "OPTIM_WRAPPERS", "OptimWrapper", ("optimizer",), ("constructor", "paramwise_cfg")
    ),
    "optimizer": Slot("OPTIMIZERS", supplied=("params",)),
    "param_scheduler": Slot(
        "PARAM_SCHEDULERS",
        supplied=("optimizer", "end", "epoch_length"),
        extra=("convert_to_iter_based",),
        several=True,
    ),
    "train_cfg": Slot("LOOPS", "EpochBasedTrainLoop", _LOOP, ("by_epoch",)),
    "val_cfg": Slot("LOOPS", "ValLoop", _LOOP),
    "test_cfg": Slot("LOOPS", "TestLoop", _LOOP),
    "visualizer": Slot("VISUALIZERS", "Visualizer", ("name", "save_dir")),
    "vis_backends": Slot("VISBACKENDS", supplied=("save_dir",), extra=("name",), several=True),
    "log_processor": Slot("LOG_PROCESSORS", "LogProcessor"),
}
"""Place of a node, by its key, wherever in a config the key stands."""

TOP_LEVEL = (
    *("model", "data_preprocessor", "val_evaluator", "test_evaluator", "default_hooks"),
    *("custom_hooks", "optim_wrapper", "param_scheduler", "train_cfg", "val_cfg", "test_cfg"),
    *("visualizer", "log_processor"),
)
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
TRAIN_KEYS = ("train_dataloader", "train_cfg", "optim_wrapper")
VAL_KEYS = ("val_dataloader", "val_cfg", "val_evaluator")
TEST_KEYS = ("test_dataloader", "test_cfg", "test_evaluator")
"""What a runner needs to test."""

TOGETHER = (TRAIN_KEYS, VAL_KEYS, TEST_KEYS)
LOADER_KEYS = ("num_batch_per_epoch", "disable_subprocess_warning")
