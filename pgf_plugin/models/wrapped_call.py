"""How a batch is called for a model that knows nothing of a bank, and how its answer is read."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from pgf_plugin.errors import check_one_of, check_positive_int, check_text

BankInputs = Mapping[str, str | Sequence[str | None]]
"""Name of a modality to the entry of the batch that holds it, or to (entry, entry of its mask)."""


class WrappedCall:
    """Parts a batch into what goes to the bank and what goes to the wrapped model.

    Args:
        model: the wrapped model.
        feature_dims: width of each modality of the bank.
        bank_inputs: see :class:`~pgf_plugin.models.pgf_wrapper.PGFWrapper`.
        model_inputs: see :class:`~pgf_plugin.models.pgf_wrapper.PGFWrapper`.
        prediction_key: see :class:`~pgf_plugin.models.pgf_wrapper.PGFWrapper`.
    """

    def __init__(
        self,
        model: nn.Module,
        feature_dims: Mapping[str, int],
        bank_inputs: BankInputs | None,
        model_inputs: str | Mapping[str, str] | None,
        prediction_key: str | int,
    ) -> None:
        for name, width in feature_dims.items():
            check_positive_int(f"feature_dims.{name}", width)
        for name in bank_inputs or {}:
            check_one_of("a key of bank_inputs", name, feature_dims)
        self.feature_dims = dict(feature_dims)
        self.entries = {
            name: _entries(name, (bank_inputs or {}).get(name)) for name in feature_dims
        }
        self.model_inputs = model_inputs
        self.prediction_key = prediction_key
        self.is_base_model = isinstance(model, BaseModel)
        self.called = type(model).__name__
        self.arguments = list(inspect.signature(model.forward).parameters)

    def bank(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the bank is made of: each modality (B, T, D) under its name, with its mask (B, T).

        Raises:
            ValueError: for an entry that is missing, or of another width than ``feature_dims``.
        """
        found: dict[str, Tensor] = {}
        for name, (values_key, mask_key) in self.entries.items():
            values = _entry(inputs, values_key, f"bank_inputs.{name}")
            if values.ndim != 3 or values.shape[-1] != self.feature_dims[name]:
                raise ValueError(
                    f"feature_dims.{name} is {self.feature_dims[name]}, but {values_key!r} has "
                    f"shape {tuple(values.shape)}: it must be (B, T, {self.feature_dims[name]})"
                )
            if mask_key is None:
                mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
            else:
                mask = _entry(inputs, mask_key, f"the mask in bank_inputs.{name}").bool()
            found |= {name: values, f"{name}_mask": mask}
        return found

    def run(
        self, model: nn.Module, inputs: Mapping[str, Tensor], data_samples: Any, mode: str
    ) -> Any:
        """Call the wrapped model with its share of the batch."""
        given = self._share(inputs)
        if self.is_base_model:
            return model(given, data_samples, mode=mode)
        return model(**given) if isinstance(given, dict) else model(given)

    def prediction(self, answer: Any) -> Tensor:
        """The scores (B, n_out) in what the wrapped model returned.

        Raises:
            ValueError: if they are not there, or of another shape.
        """
        key, found = self.prediction_key, answer
        if not isinstance(answer, Tensor):
            try:
                found = answer[key]
            except (KeyError, IndexError, TypeError) as error:
                has = list(answer) if isinstance(answer, Mapping) else type(answer).__name__
                raise ValueError(
                    f"prediction_key={key!r} is not in what {self.called} returns, {has}: name its "
                    "scores, or their place in a tuple"
                ) from error
        if not isinstance(found, Tensor) or found.ndim != 2:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"prediction_key={key!r}: the scores of {self.called} must be (B, n_out), got "
                f"{got}: wrap a model with a head (such as auto_class="
                "'AutoModelForSequenceClassification')"
            )
        return found

    def _share(self, inputs: Mapping[str, Tensor]) -> Any:
        if isinstance(self.model_inputs, str):
            return _entry(inputs, self.model_inputs, "model_inputs")
        if self.model_inputs is not None:
            return {
                name: _entry(inputs, key, f"model_inputs.{name}")
                for name, key in self.model_inputs.items()
            }
        if self.is_base_model:
            taken = {key for pair in self.entries.values() for key in pair}
            return {key: value for key, value in inputs.items() if key not in taken}
        share = {key: value for key, value in inputs.items() if key in self.arguments}
        if not share:
            first = next(iter(self.arguments), "x")
            raise ValueError(
                f"model_inputs: forward() of {self.called} takes {self.arguments}, and the batch "
                f"has none of these: {sorted(inputs)}. Say what it gets, such as model_inputs="
                f"dict({first}='image')"
            )
        return share


def _entries(name: str, given: str | Sequence[str | None] | None) -> tuple[str, str | None]:
    """Entries of the values and of the mask of a modality; None for no mask."""
    key = f"bank_inputs.{name}"
    if given is None:
        given = name
    if isinstance(given, str):
        return check_text(key, given), f"{given}_mask"
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise ValueError(
            f"{key} must be the name of an entry of the batch, or (name, name of its mask), got "
            f"{given!r}"
        )
    values, mask = given
    return check_text(key, values), None if mask is None else check_text(key, mask)


def _entry(inputs: Mapping[str, Tensor], key: str, asked: str) -> Tensor:
    if key not in inputs:
        raise ValueError(
            f"{asked} names {key!r}, which the batch lacks: it has {sorted(inputs)}. A bank entry "
            f"without mask, all of whose steps are real, is (name, None)"
        )
    return inputs[key]
