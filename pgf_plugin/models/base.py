"""The shape that every model shares: extract -> fuse -> head, and the three modes."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, NamedTuple

from mmengine.model import BaseModel
from torch import Tensor, nn

from pgf_plugin.errors import ConfigError, check_one_of, check_positive_int
from pgf_plugin.models.build import ComponentConfig, build_module
from pgf_plugin.structures import MODALITIES, MSADataSample, MSAOutput, stack_labels

MODES = ("tensor", "loss", "predict")


class Fused(NamedTuple):
    """What a model's fusion hands to its head.

    Attributes:
        pooled: (B, D) representation of the utterance.
        intermediates: what was computed on the way, by name; auxiliary losses and the fields of
            :class:`~pgf_plugin.structures.MSAOutput` are read from it.
    """

    pooled: Tensor
    intermediates: dict[str, Any]


class MSAModel(BaseModel):
    """Base of the models: subclasses wire :meth:`extract` and :meth:`fuse`, nothing else.

    Args:
        feature_dims: width of each non-text modality that the model uses, such as
            ``dict(audio=5, vision=20)``; a modality left out, or None, is not used.
        loss: task loss, ``(prediction, label) -> scalar``.
        data_preprocessor: as in :class:`mmengine.model.BaseModel`.

    Attributes:
        available_outputs: names that ``outputs`` of :meth:`forward` accepts.
        can_be_averaged: whether its state keeps its shapes in training, as ``EMAHook`` presumes.
    """

    available_outputs: tuple[str, ...] = ()
    parameter_group: ClassVar[str] = "fusion"
    can_be_averaged: ClassVar[bool] = True
    head: nn.Module

    def __init__(
        self,
        feature_dims: Mapping[str, int | None] | None = None,
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(data_preprocessor or {"type": "MSADataPreprocessor"})
        self.feature_dims = check_feature_dims(feature_dims or {})
        self.loss = build_module(loss, "MSARegressionLoss")

    def extract(self, inputs: dict[str, Tensor]) -> Any:
        """Encode each modality by itself; the result goes to :meth:`fuse`."""
        raise NotImplementedError(f"{type(self).__name__} must define extract(inputs)")

    def fuse(self, inputs: dict[str, Tensor], features: Any, outputs: Collection[str]) -> Fused:
        """Combine the modalities into one vector an utterance.

        Args:
            inputs: the batch, as :meth:`forward` received it.
            features: what :meth:`extract` returned.
            outputs: intermediates that the caller asked for.
        """
        raise NotImplementedError(f"{type(self).__name__} must define fuse(…)")

    def auxiliary_losses(self, fused: Fused) -> dict[str, Tensor]:
        """Losses beside the task loss, weighted, with names that contain ``loss``."""
        return {}

    def losses(
        self, prediction: Tensor, fused: Fused, data_samples: list[MSADataSample]
    ) -> dict[str, Tensor]:
        """The task loss and the auxiliary losses of a batch, by names that contain ``loss``."""
        task = task_loss(self.loss, prediction, data_samples)
        return {"loss_task": task, **self.auxiliary_losses(fused)}

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MSADataSample] | None = None,
        mode: str = "tensor",
        outputs: Collection[str] = (),
    ) -> MSAOutput | dict[str, Tensor] | list[MSADataSample]:
        """Run the model.

        Args:
            inputs: batch as in the README's batch contract: ``input_ids`` and ``attention_mask``
                (B, L), or ``text`` (B, L, D_t) and ``attention_mask``; ``audio`` (B, T_a, D_a) and
                ``audio_mask`` (B, T_a), likewise ``vision``.
            data_samples: one a row of the batch; needed for ``'loss'``.
            mode: ``'tensor'`` for the named output, ``'loss'`` for mmengine's dict of losses,
                ``'predict'`` for the data samples with ``prediction`` set.
            outputs: names of further fields of the output (``mode='tensor'`` alone), of those in
                ``available_outputs``.

        Raises:
            ValueError: for an unknown mode or output, a modality that the model uses and the
                batch lacks, a width that differs from ``feature_dims``, or a missing label.
        """
        check_one_of("mode", mode, MODES)
        check_outputs(self, outputs)
        self._check_inputs(inputs)
        fused = self.fuse(inputs, self.extract(inputs), outputs)
        prediction = self.head(fused.pooled)  # (B, n_out)
        if mode == "tensor":
            return MSAOutput(
                prediction=prediction, **{name: fused.intermediates[name] for name in outputs}
            )
        if mode == "loss":
            return self.losses(prediction, fused, data_samples or [])
        return with_predictions(prediction, data_samples)

    def _check_inputs(self, inputs: dict[str, Tensor]) -> None:
        for name, width in self.feature_dims.items():
            if name not in inputs:
                raise ValueError(
                    f"{type(self).__name__} uses {name!r} (model.feature_dims), but the batch has "
                    f"only {sorted(inputs)}: add {name!r} to the dataset's modalities, or take it "
                    "out of model.feature_dims"
                )
            if f"{name}_mask" not in inputs:
                raise ValueError(
                    f"the batch has {name!r} but no '{name}_mask': add it, (B, T) bool, True where "
                    "a step is real and not padding"
                )
            got = inputs[name].shape[-1]
            if got != width:
                raise ValueError(
                    f"model.feature_dims.{name} is {width}, but the data have {got} features a "
                    f"step: set model.feature_dims.{name}={got}"
                )


def loss_of(model: nn.Module) -> nn.Module | None:
    """The task loss of a model; of a wrapper that has none, that of what it wraps."""
    loss, inner = getattr(model, "loss", None), getattr(model, "model", None)
    return loss_of(inner) if loss is None and isinstance(inner, nn.Module) else loss


def task_loss(
    loss: nn.Module, prediction: Tensor, data_samples: list[MSADataSample] | None
) -> Tensor:
    """The loss of predictions (B, n_out) against the labels of the samples.

    Raises:
        ValueError: for another number of samples than rows, or a sample without label.
    """
    _check_count("loss", data_samples or [], prediction)
    label = stack_labels(data_samples or [])
    check: Any = getattr(loss, "check", None)
    if check is not None and label.device != prediction.device:
        check(prediction, label)  # here: to read labels back, the host would wait for the GPU
    return loss(prediction, label.to(prediction.device, non_blocking=True))


def with_predictions(
    prediction: Tensor, data_samples: list[MSADataSample] | None
) -> list[MSADataSample]:
    """The samples, or new ones where there are none, with their rows of ``prediction`` (B, n_out).

    Raises:
        ValueError: for another number of samples than rows.
    """
    samples = data_samples or [MSADataSample() for _ in prediction]
    _check_count("predict", samples, prediction)
    for sample, row in zip(samples, prediction.detach().float().cpu(), strict=True):
        sample.prediction = row
    return samples


def check_outputs(model: Any, outputs: Collection[str]) -> None:
    """Check that ``model`` has the outputs that a caller asks for.

    Raises:
        ValueError: naming one that it has not.
    """
    key = f"outputs of {type(model).__name__}"
    if outputs and not model.available_outputs:
        raise ValueError(f"{key} must be empty, because it has none, got {list(outputs)!r}")
    for name in outputs:
        check_one_of(key, name, model.available_outputs)


def _check_count(mode: str, data_samples: list[MSADataSample], prediction: Tensor) -> None:
    if len(data_samples) != len(prediction):
        raise ValueError(
            f"mode={mode!r} needs one data sample a row of the batch: got {len(data_samples)} "
            f"for {len(prediction)} rows"
        )


def check_feature_dims(feature_dims: Mapping[str, int | None]) -> dict[str, int]:
    """Return ``feature_dims`` in canonical order, without those that are None.

    Raises:
        ValueError: for an unknown modality or a width below 1.
    """
    allowed = MODALITIES[1:]
    if not isinstance(feature_dims, Mapping):
        raise ConfigError(
            f"model.feature_dims must be a dict of the width of each modality, such as dict("
            f"audio=5, vision=20), got {feature_dims!r}"
        )
    for name, width in feature_dims.items():
        check_one_of("a key of model.feature_dims", name, allowed)
        if width is not None:
            check_positive_int(f"model.feature_dims.{name}", width)
    widths = ((name, feature_dims.get(name)) for name in allowed)
    return {name: int(width) for name, width in widths if width is not None}
