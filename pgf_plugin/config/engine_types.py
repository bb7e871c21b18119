"""Types of the engine's arguments, where its annotations are silent or differ from its code.

A test compares every component of mmengine with what its docstring allows.
"""

from typing import Any, Literal

from pgf_plugin.evaluation.catalogue import Rule

_LEVELS = Literal[
    "CRITICAL", "FATAL", "ERROR", "WARNING", "WARN", "INFO", "DEBUG", "NOTSET"
]  # fmt: skip

ENGINE_TYPES: dict[str, dict[str, Any]] = {
    "AmpOptimWrapper": {
        "loss_scale": Literal["dynamic"] | float | dict,
        "dtype": Literal["float16", "bfloat16", "float32", "float64"] | None,
    },
    "ColossalAIOptimWrapper": {"booster": Any},
    "BaseMetric": {"collect_device": Literal["cpu", "gpu"]},
    "DataParallel": {"device_ids": int | list | None},
    "EarlyStoppingHook": {"rule": Rule | None},
    "CheckpointHook": {"rule": Rule | list[Rule] | None},
    "LogProcessor": {"window_size": int, "by_epoch": bool, "mean_pattern": str},
    "FlexibleRunner": {"log_level": int | _LEVELS},
    "OneCycleParamScheduler": {
        "anneal_strategy": Literal["cos", "linear"],
        "eta_max": float | list,
    },
    "ReduceOnPlateauParamScheduler": {"rule": Rule, "threshold_rule": Literal["rel", "abs"]},
    "Runner": {
        "default_hooks": dict | None,  # each may be None as well, to have none
        "default_scope": str | None,
        "launcher": Literal["none", "pytorch", "mpi", "slurm"],
        "log_level": int | _LEVELS,
    },
    "Runner.set_randomness": {"seed": int | None},
    "Visualizer": {"name": str, "vis_backends": list[dict] | dict | None},
    "clip_grad_norm_": {"norm_type": float | Literal["inf"]},
}
"""Class or function to argument to type; an entry replaces the annotation."""
