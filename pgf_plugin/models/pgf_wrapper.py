"""PGF blocks and LoRA inside any model, by the names of its layers, without touching its code."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from mmengine.model import BaseModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from pgf_plugin.errors import ConfigError, check_bool, check_one_of
from pgf_plugin.models.base import MODES, check_outputs, task_loss, with_predictions
from pgf_plugin.models.build import ComponentConfig, build_module, one_each, typed
from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.fast_path import has_fast_path, without_fast_path
from pgf_plugin.models.fusions.pgf_block import outputs_of_blocks
from pgf_plugin.models.layer_hooks import LayerHooks
from pgf_plugin.models.name_patterns import check_called, describe_stacks, match_names
from pgf_plugin.models.peft.adapt import adapt
from pgf_plugin.models.wrapped_call import BankInputs, WrappedCall
from pgf_plugin.registry import MODELS
from pgf_plugin.structures import MSADataSample, MSAOutput

_WIDTHS = ("hidden_size", "embed_dim", "embed_dims", "dim", "d_model")


@MODELS.register_module()
class PGFWrapper(BaseModel):
    """A PGF block behind chosen layers of any model.

    The blocks act by forward hooks for the time of one call. A sample without a valid step in the
    bank passes them unchanged, before and after training: without LoRA and trained parts its
    prediction is bit for bit the wrapped model's. With steps, an untrained block scales the states
    by its gate, 0.95 unless ``block=dict(type='PGFBlock', gate=dict(type='PGFGate', init_bias=…))``
    says otherwise.

    In eval mode, torch's own transformer layers are computed part by part, as in training: their
    fast path knows neither LoRA nor blocks, and rounds otherwise.

    Activation checkpointing belongs inside the layers; around them it is refused, because the
    blocks are not known in the backward pass.

    The wrapped model is a plain module (Hugging Face, timm), which is called with the entries of
    the batch that its ``forward`` names and returns scores (B, n_out); or a ``BaseModel`` of
    mmengine, which is called as ``forward(inputs, data_samples, mode)`` and has its own losses and
    predictions. A data preprocessor of the wrapped model is not used: give it to the wrapper.

    Args:
        model: the model, by anything that mmengine's ``MODELS`` builds: a registered name, a
            dotted path (``type='timm.create_model'``), :func:`HFModel
            <pgf_plugin.models.hf_model.HFModel>`.
        layers: patterns of the names of the layers that are followed by a block, see
            :func:`~pgf_plugin.models.name_patterns.match_names`; an empty list for none. A layer
            returns its states (B, L, D), or a tuple that begins with them.
        feature_dims: width of each modality of the bank; with none, the blocks are adapters.
        bank_inputs: name of each modality to the entry of the batch that holds it (B, T, D), whose
            mask (B, T), true where a step is real, is the entry of that name with ``_mask``; or to
            (entry, entry of the mask), the latter None where all steps are real. What is left out
            has the name of its modality.
        model_inputs: what the wrapped model gets: argument to entry of the batch, or one entry,
            which is its only argument. None for every entry that ``forward`` names; of a
            ``BaseModel``, for all that the bank does not take.
        bank: see :class:`~pgf_plugin.models.fusions.bank.PGFBank`.
        block: see :class:`~pgf_plugin.models.fusions.pgf_block.PGFBlock`; one is built a layer.
        hidden_size: width D of the layers; None reads it from the model.
        freeze: whether the wrapped model is frozen, running statistics included.
        lora: ``dict(targets=patterns, rank=8, alpha=None, dropout=0.0)`` for LoRA beside the
            linear maps of these names; None for none.
        head: patterns of the names of the model's parameters that are its head, which trains.
        trainable: likewise of other parameters that train.
        prediction_key: where a plain module returns more than scores, their key or place in it.
        loss: task loss of a plain module, see :class:`~pgf_plugin.models.base.MSAModel`.
        data_preprocessor: see :class:`~pgf_plugin.models.base.MSAModel`.

    Raises:
        ValueError: for a pattern that matches nothing, a part of torch's attention that is never
            called, or a part of an encoder whose ``cache_frozen`` keeps what it gives; for a width
            that cannot be found; on a call, for states of another shape; in training, for a layer
            that is checkpointed or runs under ``torch.no_grad()``, and for one that none of the
            first 32 calls reached. (A layer may be left out of some, as by LayerDrop, and of any in
            eval mode, as by an early exit.)

    Attributes:
        layer_names: names of the layers that a block follows, in their order.
    """

    parameter_group = "fusion"
    available_outputs: tuple[str, ...] = ()

    def __init__(
        self,
        model: ComponentConfig,
        layers: str | Sequence[str],
        feature_dims: Mapping[str, int] | None = None,
        bank_inputs: BankInputs | None = None,
        model_inputs: str | Mapping[str, str] | None = None,
        bank: ComponentConfig | None = None,
        block: ComponentConfig | None = None,
        hidden_size: int | None = None,
        freeze: bool = True,
        lora: Mapping[str, Any] | None = None,
        head: str | Sequence[str] = (),
        trainable: str | Sequence[str] = (),
        prediction_key: str | int = "logits",
        loss: ComponentConfig | None = None,
        data_preprocessor: ComponentConfig | None = None,
    ) -> None:
        super().__init__(data_preprocessor or {"type": "MSADataPreprocessor"})
        self.freeze = check_bool("freeze", freeze)
        self.model = build_module(model)
        self.layer_names = _find_layers(self.model, layers)
        self.call = WrappedCall(
            self.model, feature_dims or {}, bank_inputs, model_inputs, prediction_key
        )
        adapt(self.model, freeze=freeze, lora=lora, head=head, trainable=trainable)
        _check_not_cached(self.model, self.layer_names)
        self.bank = None
        if feature_dims and self.layer_names:
            self.bank = build_module(bank, "PGFBank", feature_dims=dict(feature_dims))
        self.hidden_size = hidden_size
        self.blocks = self._build_blocks(block)
        self.hooks = LayerHooks(self.model, self.layer_names, self.blocks, self.hidden_size)
        changed = bool(self.layer_names) or lora is not None
        self._leaves_fast_path = changed and has_fast_path(self.model)
        self.loss = self._build_loss(loss)
        self.feature_dims = {} if self.bank is None else self.call.feature_dims
        if not self.call.is_base_model:
            usual = () if self.bank is None else ("gates", "attention")
            self.available_outputs = outputs_of_blocks(self.blocks, usual)
        self.train()  # as every module starts; from_pretrained and peft leave parts in eval mode

    def _build_blocks(self, block: ComponentConfig | None) -> nn.ModuleList:
        if not self.layer_names:
            return nn.ModuleList()
        self.hidden_size = self.hidden_size or _width_of(self.model)
        bank_width = None if self.bank is None else self.bank.width
        config = one_each("model.block", typed(block, "PGFBlock"), len(self.layer_names))
        return nn.ModuleList(
            build_module(config, hidden_size=self.hidden_size, bank_width=bank_width)
            for _ in self.layer_names
        )

    def _build_loss(self, loss: ComponentConfig | None) -> nn.Module | None:
        if not self.call.is_base_model:
            return build_module(loss, "MSARegressionLoss")
        if loss is not None:
            raise ValueError(
                f"loss is for a plain module: {self.call.called} is a BaseModel and has its own, "
                f"got {loss!r}"
            )
        return None

    def init_weights(self) -> None:
        """Let a ``BaseModel`` read or draw its weights; a plain module has those it was built with.

        The engine calls it before training, and would let Hugging Face's and timm's models, whose
        method of this name means something else, draw their pretrained weights anew.
        """
        if isinstance(self.model, BaseModel):
            self.model.init_weights()

    def train(self, mode: bool = True) -> "PGFWrapper":
        """Set the mode; frozen batch normalization keeps its running statistics."""
        super().train(mode)
        for module in self.model.modules() if self.freeze else ():
            if isinstance(module, nn.modules.batchnorm._NormBase) and not any(
                parameter.requires_grad for parameter in module.parameters()
            ):
                module.eval()
        return self

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[MSADataSample] | None = None,
        mode: str = "tensor",
        outputs: Collection[str] = (),
    ) -> Any:
        """Run the wrapped model with the blocks in its layers.

        Args:
            inputs: batch with the entries of the wrapped model and of the bank.
            data_samples: one a row of the batch; needed for ``'loss'``.
            mode: as for :class:`~pgf_plugin.models.base.MSAModel`; a ``BaseModel`` answers itself.
            outputs: further fields of the output (``mode='tensor'`` alone): of
                ``'gates'``, ``'attention'`` and ``'experts'``, one tensor a layer that has it.

        Raises:
            ValueError: for an unknown mode or output, an entry that the batch lacks, or states of
                a layer that no block can take.
        """
        check_one_of("mode", mode, MODES)
        check_outputs(self, outputs)
        bank = None if self.bank is None else self.bank(self.call.bank(inputs))
        in_parts = without_fast_path() if self._leaves_fast_path else nullcontext()
        with in_parts, self.hooks.acting(bank, outputs, self.training) as collected:
            answer = self.call.run(self.model, inputs, data_samples, mode)
        if self.loss is None:
            return answer
        prediction = self.call.prediction(answer)
        if mode == "loss":
            return {"loss_task": task_loss(self.loss, prediction, data_samples)}
        if mode == "predict":
            return with_predictions(prediction, data_samples)
        named = {name: tuple(collected[name]) for name in outputs}
        return MSAOutput(prediction=prediction, **named)  # type: ignore[arg-type]


def _find_layers(model: nn.Module, layers: str | Sequence[str]) -> list[str]:
    """Names of the chosen layers.

    Raises:
        ValueError: for a pattern that matches nothing, a list of layers itself, or a part of
            torch's attention that is never called.
    """
    names = [name for name, _ in model.named_modules() if name]
    hint = describe_stacks(model)
    found = match_names("layers", layers, names, hint)
    for name in found:
        if type(model.get_submodule(name)).forward is nn.Module.forward:  # it is never called
            raise ValueError(
                f"layers: {name!r} is a list of modules, not a layer: write '{name}.*' for those "
                f"in it.{hint}"
            )
    check_called("layers", found, model)
    return found


def _check_not_cached(model: nn.Module, layer_names: Sequence[str]) -> None:
    """Refuse blocks and LoRA in layers whose states are kept: they would never learn.

    Raises:
        ConfigError: naming the first such part.
    """
    encoders = (module for module in model.modules() if isinstance(module, HFTextEncoder))
    cached = set().union(*(encoder.cached_modules() for encoder in encoders))
    adapted = [name for name, module in model.named_modules() if isinstance(module, LoraLayer)]
    for key, names in (("layers", layer_names), ("lora.targets", adapted)):
        for name in names:
            if model.get_submodule(name) in cached:
                raise ConfigError(
                    f"{key}: {name!r} is one of the frozen parts that cache_frozen of the encoder "
                    "runs once an utterance, in which nothing can learn: leave cache_frozen out"
                )


def _width_of(model: nn.Module) -> int:
    """Width of the layers of a model, where it says it.

    Raises:
        ValueError: where it does not.
    """
    for owner in (getattr(model, "config", None), model):
        for name in _WIDTHS:
            width = getattr(owner, name, None)
            if isinstance(width, int):
                return width
    raise ValueError(
        f"hidden_size: {type(model).__name__} does not say how wide its layers are (looked for "
        f"{', '.join(_WIDTHS)} on it and on its config): set hidden_size"
    )
