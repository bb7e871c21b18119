"""Ends a training that Ctrl-C or SIGTERM asked to end, where it can be resumed exactly."""

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from pgf_plugin.hooks.safe_checkpoint import SafeCheckpointHook, validates_next
from pgf_plugin.interrupts import Interrupted, defer_signals, requested_signal


class InterruptHook(Hook):
    """End the training at its next safe point once a signal has come; the commands register it.

    A loop of steps ends with the step, and saves it. A loop of epochs cannot go on inside an
    epoch: it ends with the step and is resumed from the last epoch, or, if the signal came when
    all steps of an epoch were done, it validates and saves that epoch first.

    Without :class:`SafeCheckpointHook`, and in distributed training, whose processes would stop
    at different steps and wait for each other, a signal ends the run where it is.
    """

    # After every hook that belongs to the step, so that the checkpoint is of the whole step.
    priority = "LOWEST"

    def before_train(self, runner: Runner) -> None:
        """Find what can save, and look at signals from now on, where that has a use."""
        self._savers = [hook for hook in runner.hooks if isinstance(hook, SafeCheckpointHook)]
        self._by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        known = self._by_epoch or isinstance(runner.train_loop, IterBasedTrainLoop)
        self._defers = bool(self._savers) and known and get_world_size() == 1
        if self._by_epoch:
            defer_signals(self._defers)

    def before_train_iter(self, runner: Runner, batch_idx, data_batch=None) -> None:
        """End an epoch that has to be repeated anyway; in a loop of steps, finish the step."""
        # Only now: a resumed loop of steps first skips the batches that it has seen.
        defer_signals(self._defers)
        if self._by_epoch:
            self._end_if_asked(f"in epoch {runner.epoch + 1} of {runner.max_epochs}")

    def after_train_iter(self, runner: Runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save the step and end; after the last step of an epoch, go on to its end."""
        if not self._by_epoch:
            self._save_and_end(runner, f"after step {runner.iter + 1} of {runner.max_iters}")
        elif not self.end_of_epoch(runner.train_dataloader, batch_idx):
            self._end_if_asked(f"in epoch {runner.epoch + 1} of {runner.max_epochs}")

    def after_train_epoch(self, runner: Runner) -> None:
        """Save the epoch and end."""
        if self._by_epoch:
            self._save_and_end(runner, f"after epoch {runner.epoch + 1} of {runner.max_epochs}")

    def after_val(self, runner: Runner) -> None:
        """Save what was validated, and end."""
        if requested_signal() is None or not self._defers:
            return
        for saver in self._savers:
            if self._by_epoch or not saver.by_epoch:
                saver.save_validated(runner)
        if self._by_epoch:
            self._end_if_asked(f"after epoch {runner.epoch} of {runner.max_epochs}")
        self._end_if_asked(f"after step {runner.iter} of {runner.max_iters}")

    def after_train(self, runner: Runner) -> None:
        """What follows can be interrupted anywhere."""
        defer_signals(False)
        self._end_if_asked("after the training")

    def _save_and_end(self, runner: Runner, place: str) -> None:
        if requested_signal() is None or not self._defers:
            return
        for saver in self._savers:
            if saver.by_epoch == self._by_epoch:
                saver.save_now(runner)
        if not validates_next(runner, self._by_epoch):
            self._end_if_asked(place)

    def _end_if_asked(self, place: str) -> None:
        if (signum := requested_signal()) is not None and self._defers:
            raise Interrupted(signum, place)
