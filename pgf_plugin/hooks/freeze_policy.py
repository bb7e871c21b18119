"""Which parts of a model train from which epoch."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from pgf_plugin.errors import ConfigError, did_you_mean
from pgf_plugin.model_access import unwrap
from pgf_plugin.models.peft.ledger import parameter_groups
from pgf_plugin.registry import HOOKS


class Stage(NamedTuple):
    """The ledger groups that train from ``epoch`` (counted from 0) until the next stage."""

    epoch: int
    train: tuple[str, ...]


@HOOKS.register_module()
class FreezePolicyHook(Hook):
    """Train the parts of a model from different epochs on.

    Example::

        dict(
            type="FreezePolicyHook",
            schedule=[
                dict(epoch=0, train=["head", "adapter"]),
                dict(epoch=2, train=["lora", "fusion", "adapter", "head"]),
            ],
        )

    Groups are those of the parameter ledger. Only parameters that are trainable when the run
    begins are switched: a frozen encoder stays frozen whatever the schedule says. The optimizer
    holds all of them from the start. A frozen parameter has no gradient, so that the optimizer
    skips it: neither momentum nor weight decay moves it, and its state waits until it is
    released. What follows from the epoch alone is right after resuming, too.

    Distributed training needs ``find_unused_parameters=True`` in ``model_wrapper_cfg``.

    Args:
        schedule: stages in order of ``epoch``, the first at 0; a group that ``train`` leaves out
            is frozen during the stage.

    Raises:
        ConfigError: for a malformed schedule; before training, for an unknown group, a stage in
            which nothing would train, a stage beyond ``max_epochs``, or a run without epochs.
    """

    def __init__(self, schedule: Sequence[Mapping[str, Any]]) -> None:
        self.schedule = _parse(schedule)
        self._switched: dict[str, list[nn.Parameter]] = {}
        self._stage: Stage | None = None

    def before_train(self, runner: Runner) -> None:
        """Check the schedule against the model and the run."""
        _check_epochs(self.schedule, runner)
        model = unwrap(runner.model)
        groups = parameter_groups(model)
        _check_groups(self.schedule, groups, type(model).__name__)
        self._switched = {
            name: [parameter for parameter in group if parameter.requires_grad]
            for name, group in groups.items()
        }
        for stage in self.schedule:
            if not any(self._switched[name] for name in stage.train):
                raise ConfigError(
                    f"FreezePolicyHook.schedule: nothing trains from epoch {stage.epoch}: "
                    f"{list(stage.train)} of {type(model).__name__} have no trainable parameters"
                )
        self._stage = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Enter the stage that this epoch belongs to."""
        stage = self.stage(runner.epoch)
        if stage != self._stage:
            self._stage = stage
            self._require_grad(stage.train)
            names = ", ".join(stage.train)
            runner.logger.info(f"FreezePolicyHook: epoch {runner.epoch} begins training {names}")

    def after_train(self, runner: Runner) -> None:
        """Give the model back as it came."""
        self._require_grad(self._switched)

    def stage(self, epoch: int) -> Stage:
        """Return the stage that ``epoch``, counted from 0, belongs to."""
        return [stage for stage in self.schedule if stage.epoch <= epoch][-1]

    def _require_grad(self, train: Collection[str]) -> None:
        for name, parameters in self._switched.items():
            for parameter in parameters:
                parameter.requires_grad_(name in train)
                if name not in train:
                    # A gradient left over would move the parameter at the next step.
                    parameter.grad = None


def _parse(schedule: Sequence[Mapping[str, Any]]) -> list[Stage]:
    if not isinstance(schedule, Sequence) or isinstance(schedule, str) or not schedule:
        raise ConfigError(
            f"FreezePolicyHook.schedule must be a list of one or more stages, got {schedule!r}"
        )
    problems = [
        problem
        for number, entry in enumerate(schedule)
        if (problem := _entry_problem(f"schedule[{number}]", entry))
    ]
    if not problems:
        problems = _order_problems([entry["epoch"] for entry in schedule])
    if problems:
        raise ConfigError("FreezePolicyHook: " + "; ".join(problems))
    return [Stage(entry["epoch"], tuple(entry["train"])) for entry in schedule]


def _entry_problem(key: str, entry: Any) -> str:
    if not isinstance(entry, Mapping) or set(entry) != set(Stage._fields):
        return f"{key} must be dict(epoch=…, train=[…]), got {entry!r}"
    epoch, train = entry["epoch"], entry["train"]
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
        return f"{key}.epoch must be an integer >= 0, got {epoch!r}"
    listed = isinstance(train, list | tuple) and all(isinstance(name, str) for name in train)
    if not listed or not train:
        return f"{key}.train must be a list of one or more group names, got {train!r}"
    return ""


def _order_problems(epochs: list[int]) -> list[str]:
    first = [] if epochs[0] == 0 else [f"schedule[0].epoch must be 0, got {epochs[0]}"]
    return first + [
        f"schedule[{number}].epoch must be greater than {before}, that of the stage before, "
        f"got {epoch}"
        for number, (before, epoch) in enumerate(pairwise(epochs), start=1)
        if epoch <= before
    ]


def _check_epochs(schedule: list[Stage], runner: Runner) -> None:
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        raise ConfigError(
            "FreezePolicyHook counts epochs, but train_cfg builds an IterBasedTrainLoop, which has "
            "none: set train_cfg=dict(by_epoch=True, max_epochs=…)"
        )
    late = [stage.epoch for stage in schedule if stage.epoch >= runner.max_epochs]
    if late:
        raise ConfigError(
            f"FreezePolicyHook.schedule: a run of train_cfg.max_epochs={runner.max_epochs} has "
            f"epochs 0 to {runner.max_epochs - 1}, so the stages at {late} would never begin"
        )


def _check_groups(schedule: list[Stage], groups: Collection[str], model: str) -> None:
    unknown = sorted({name for stage in schedule for name in stage.train} - set(groups))
    if unknown:
        named = "; ".join(f"{name!r}.{did_you_mean(name, groups)}" for name in unknown)
        raise ConfigError(
            f"FreezePolicyHook.schedule: {model} has the parameter groups {sorted(groups)}, "
            f"got {named}"
        )
