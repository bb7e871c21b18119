"""A resumed run that computes what the undisturbed one would have computed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from pgf_plugin.errors import ConfigError
from pgf_plugin.hooks.random_state import random_state, set_random_state
from pgf_plugin.model_access import unwrap
from pgf_plugin.registry import HOOKS

KEY = "pgf_resume"
"""Where a checkpoint holds what this hook saves."""


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Save what mmengine leaves out of a checkpoint, and put it back when a run is resumed.

    That is: the random states of torch, CUDA, numpy and Python; how long ``EarlyStoppingHook`` has
    waited and for what; the gradients of an accumulation that is not over. With
    :class:`~pgf_plugin.hooks.safe_checkpoint.SafeCheckpointHook`, which saves after the validation
    and not before, a run of one process on a CPU that is resumed with the same seed, thread count
    and versions reaches the same weights, metrics and log, bit for bit. A run of several processes
    goes on with new random numbers, and says so.

    A loop of steps (``by_epoch=False``) goes on from any step. A loop of epochs goes on from the
    end of an epoch only, because mmengine begins at its first batch. There, ``persistent_workers``
    change no number: neither of a resumed run nor of an undisturbed one. What a dataset draws from
    the global generators in workers that persist is not resumed.

    Raises:
        ConfigError: before a resumed training, if the checkpoint was saved inside an epoch, or the
            training data was shuffled with another seed.
    """

    # After the hooks that prepare the training, so that nothing is drawn before its first step.
    priority = "LOWEST"

    def __init__(self) -> None:
        self._saved: dict[str, Any] | None = None
        self._epoch = 0

    def before_train_epoch(self, runner: Runner) -> None:
        """Remember which epoch has begun."""
        self._epoch = runner.epoch
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            _keep_pace(runner.train_loop.dataloader)

    def before_val_epoch(self, runner: Runner) -> None:
        """Draw what the validation would draw without persistent workers."""
        _keep_pace(getattr(runner.val_loop, "dataloader", None))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the state of the run to a checkpoint that can be resumed."""
        if "optimizer" not in checkpoint:
            return
        loop = runner.train_loop
        checkpoint[KEY] = {
            "random": random_state(),
            "early_stopping": [
                (hook.monitor, hook.wait_count, float(hook.best_score))
                for hook in _stoppers(runner)
            ],
            "gradients": {
                name: parameter.grad.cpu()
                for name, parameter in unwrap(runner.model).named_parameters()
                if parameter.grad is not None
            },
            "seed": _sampler_seed(runner),
            "inside_epoch": isinstance(loop, EpochBasedTrainLoop)
            and checkpoint["meta"]["epoch"] == self._epoch,
            "setting": _setting(runner),
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the state until the training begins; tests and predictions do not want it."""
        self._saved = checkpoint.get(KEY)

    def before_train(self, runner: Runner) -> None:
        """Put the state back, if the run is resumed."""
        saved, self._saved = self._saved, None
        _warn_of_checkpoints_that_cannot_be_resumed(runner)
        if runner.iter == 0:
            return
        if saved is None:
            runner.logger.warning(
                "The checkpoint holds no random states: the resumed run will differ from an "
                "undisturbed one (train with default_hooks.exact_resume=dict(type="
                "'ExactResumeHook'))"
            )
            return
        _check(runner, saved)
        _restore_early_stopping(runner, saved["early_stopping"])
        _restore_gradients(runner, saved["gradients"])
        _restore_random_state(runner, saved["random"])


def _keep_pace(loader: DataLoader | None) -> None:
    """Draw the number that a loader draws in each epoch, to seed its workers, if they are new.

    Workers that persist are new in the first epoch of a process alone, which is another one where a
    run is resumed: dropout would get other numbers there.
    """
    persistent = loader is not None and getattr(loader, "persistent_workers", False)
    if persistent and getattr(loader, "_iterator", None) is not None:
        torch.empty((), dtype=torch.int64).random_()


class _RestoringBatches:
    """The batches of a loop of steps; restores the random state once those to skip are out.

    mmengine goes through the batches of all steps so far. That draws random numbers, and there is
    no stage of a hook between the last of them and the first new one.
    """

    def __init__(self, batches: Iterator, skipped: int, restore: Callable[[], None]) -> None:
        self._batches = batches
        self._left = skipped
        self._restore = restore

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        if self._left == 0:
            self._restore()
        self._left -= 1
        return next(self._batches)

    def skip_iter(self, steps: int) -> None:
        """Skip as mmengine does; ``onedl-mmengine`` calls this, and its own way draws less."""
        for _ in range(steps):
            next(self)


def _restore_random_state(runner: Runner, state: Mapping[str, Any]) -> None:
    loop = runner.train_loop
    if get_world_size() > 1:
        runner.logger.warning(
            "Random states are not resumed exactly in distributed training: the checkpoint holds "
            "those of the first process"
        )
        if get_rank() > 0:
            return
    set_random_state(dict(state))
    if not isinstance(loop, IterBasedTrainLoop):
        return
    skipped = 0 if getattr(loop, "fast_forward_on_resume", False) else runner.iter
    loop.dataloader_iterator = _RestoringBatches(
        loop.dataloader_iterator, skipped, lambda: set_random_state(dict(state))
    )


def _restore_early_stopping(runner: Runner, saved: list[tuple[str, int, float]]) -> None:
    hooks = _stoppers(runner)
    if [hook.monitor for hook in hooks] != [monitor for monitor, _, _ in saved]:
        if hooks:
            runner.logger.warning("EarlyStoppingHook is not as it was: it begins to wait anew")
        return
    for hook, (_, wait_count, best_score) in zip(hooks, saved, strict=True):
        hook.wait_count, hook.best_score = wait_count, best_score
        bar = hook.stopping_threshold
        reached = bar is not None and hook.rule_map[hook.rule](best_score, bar)
        if reached or wait_count >= hook.patience:
            runner.logger.warning(
                f"EarlyStoppingHook had ended this run at epoch {runner.epoch}, iteration "
                f"{runner.iter}: it ends here. A larger patience lets it go on"
            )
            runner.train_loop.stop_training = True


def _restore_gradients(runner: Runner, gradients: Mapping[str, torch.Tensor]) -> None:
    if not gradients:
        return
    for name, parameter in unwrap(runner.model).named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device)
    runner.logger.info("The gradients of the unfinished accumulation are resumed")


def _check(runner: Runner, saved: Mapping[str, Any]) -> None:
    if saved["inside_epoch"]:
        raise ConfigError(
            f"the checkpoint was saved inside epoch {runner.epoch + 1}, at iteration "
            f"{runner.iter}, and mmengine's loop of epochs would repeat that epoch from its first "
            "batch: resume from a checkpoint of a whole epoch (load_from), and save by epoch "
            "(default_hooks.checkpoint.by_epoch=True) or train by step (train_cfg.by_epoch=False)"
        )
    seed = _sampler_seed(runner)
    if seed != saved["seed"]:
        raise ConfigError(
            f"the checkpoint is of a run with the seed {saved['seed']}, this one shuffles with "
            f"{seed}: resume with randomness.seed={saved['seed']} (pgf train --seed "
            f"{saved['seed']} --resume)"
        )
    then, now = saved["setting"], _setting(runner)
    changed = [f"{name} {then[name]} -> {now[name]}" for name in then if then[name] != now[name]]
    if changed:
        runner.logger.warning(
            f"Resumed under another setting, so not bit for bit: {', '.join(changed)}"
        )


def _warn_of_checkpoints_that_cannot_be_resumed(runner: Runner) -> None:
    by_epoch = [hook.by_epoch for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    if isinstance(runner.train_loop, IterBasedTrainLoop) and any(by_epoch):
        runner.logger.warning(
            "Checkpoints by epoch in a loop of steps are saved at its end alone: set "
            "default_hooks.checkpoint.by_epoch=False, or leave it out"
        )
    if isinstance(runner.train_loop, EpochBasedTrainLoop) and not all(by_epoch):
        runner.logger.warning(
            "Checkpoints by iteration inside an epoch cannot be resumed: set by_epoch=True in "
            "default_hooks.checkpoint, or by_epoch=False in train_cfg"
        )


def _stoppers(runner: Runner) -> list[EarlyStoppingHook]:
    return [hook for hook in runner.hooks if isinstance(hook, EarlyStoppingHook)]


def _sampler_seed(runner: Runner) -> int | None:
    """Seed of the order of the training data; None where the sampler has none."""
    loader = runner.train_loop.dataloader
    for sampler in (loader.sampler, getattr(loader.batch_sampler, "sampler", None)):
        if isinstance(seed := getattr(sampler, "seed", None), int):
            return seed
    return None


def _setting(runner: Runner) -> dict[str, Any]:
    """What else the numbers of a run hang on."""
    return {
        "batches an epoch": len(runner.train_loop.dataloader),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "device": next(unwrap(runner.model).parameters()).device.type,
    }
