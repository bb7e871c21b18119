"""Files of weights: mmengine's checkpoints and safetensors, read without executing anything."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from pgf_plugin.checkpoint_files import AtomicLocalBackend
from pgf_plugin.checkpoint_schema import META_KEY, check_schema, schema_stamp
from pgf_plugin.compat import refusals_told
from pgf_plugin.errors import DataError
from pgf_plugin.file_checks import (
    check_archive,
    check_tensors,
    is_plain_extra,
    leaves,
    state_dict_of,
)
from pgf_plugin.trained_settings import model_settings

SAFETENSORS = ".safetensors"
CHECKPOINT = ".pth"
_META_KEYS = {"experiment": "experiment_name", "model": "model"}


class Weights(NamedTuple):
    """What a file of weights holds.

    Attributes:
        tensors: the model's state dict, as far as it is tensors.
        origin: ``experiment`` (the run that wrote the file) and ``model`` (its type), as far as
            the file tells them.
        others: names of what else is in the file, such as the optimizer, with the bytes of the
            tensors there.
        extra: the rest of the state dict: plain values that modules add (``get_extra_state``).
        settings: of the model that was trained, by dotted key, as far as the file tells them.
    """

    tensors: dict[str, Tensor]
    origin: dict[str, str]
    others: dict[str, int]
    extra: Mapping[str, Any] = MappingProxyType({})
    settings: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def of(
        cls, state: Mapping[str, Any], origin: dict[str, str], others: dict[str, int] | None = None
    ) -> "Weights":
        """Make them from a whole state dict."""
        extra = {name: value for name, value in state.items() if is_plain_extra(name, value)}
        tensors = {name: value for name, value in state.items() if name not in extra}
        return cls(tensors, origin, others or {}, extra)

    @property
    def state(self) -> dict[str, Any]:
        """The whole state dict."""
        return {**self.tensors, **self.extra}

    @property
    def written_by(self) -> str:
        """The origin as a phrase."""
        told = [f"{name} {value!r}" for name, value in self.origin.items()]
        return ", ".join(told) or "no experiment is named"


def read_weights(path: Path) -> Weights:
    """Read a checkpoint, or a file with the suffix ``.safetensors``; nothing in it is executed.

    Raises:
        DataError: if the file is damaged, holds anything but tensors and plain values, or was
            written by a later version in a layout that this one does not know.
    """
    try:
        if path.suffix == SAFETENSORS:
            return _read_safetensors(path)
        check_archive(path)
        with refusals_told(path):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # what a damaged file raises depends on the damage
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{path} is not loaded: it is no file of weights, or it holds more than tensors and "
            f"plain values ({reason})"
        ) from error
    return _from_checkpoint(path, content)


def write_weights(weights: Weights, path: Path) -> None:
    """Write the state dict and its origin, nothing else; a half-written file is never left.

    Args:
        weights: what to write.
        path: ends in ``.safetensors``, or ``.pth`` for a file that mmengine's ``load_from`` reads.

    Raises:
        DataError: for another suffix, and for values in safetensors that are no tensors.
        OSError: if it cannot be written.
    """
    tensors = {name: tensor.clone().contiguous() for name, tensor in weights.tensors.items()}
    if path.suffix == SAFETENSORS and weights.extra:
        raise DataError(
            f"{path}: safetensors hold tensors alone, and {next(iter(weights.extra))!r} of the "
            f"model is none ({len(weights.extra)} of its state dict): write a file that ends in "
            f"{CHECKPOINT}"
        )
    if path.suffix == SAFETENSORS:
        stamp = {META_KEY: json.dumps(schema_stamp())}
        data = save(tensors, metadata={"format": "pt", **weights.origin, **stamp})
    elif path.suffix == CHECKPOINT:
        buffer = io.BytesIO()
        origin = {_META_KEYS[name]: value for name, value in weights.origin.items()}
        meta = {**origin, META_KEY: schema_stamp()}
        torch.save({"meta": meta, "state_dict": {**tensors, **weights.extra}}, buffer)
        data = buffer.getvalue()
    else:
        raise DataError(f"{path} must end in {SAFETENSORS} or {CHECKPOINT}")
    AtomicLocalBackend().put(data, path)


def _read_safetensors(path: Path) -> Weights:
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    if META_KEY in metadata:
        check_schema({META_KEY: json.loads(metadata[META_KEY])}, path)
    check_tensors(path, tensors)
    return Weights(tensors, {key: metadata[key] for key in _META_KEYS if key in metadata}, {})


def _from_checkpoint(path: Path, content: Any) -> Weights:
    if isinstance(content, Mapping):
        check_schema(content.get("meta"), path)
    state = state_dict_of(path, content)
    named = {re.sub(r"^module\.", "", name): value for name, value in state.items()}
    parts = content if state is not content else {}
    others = {str(key): _bytes(value) for key, value in parts.items() if key != "state_dict"}
    meta = parts.get("meta")
    found = Weights.of(named, _origin(meta), others)
    settings = model_settings(meta.get("cfg")) if isinstance(meta, Mapping) else {}
    return found._replace(settings=settings)


def _origin(meta: Any) -> dict[str, str]:
    if not isinstance(meta, Mapping):
        return {}
    told = {name: meta.get(key) for name, key in _META_KEYS.items()}
    told["model"] = told["model"] or model_settings(meta.get("cfg")).get("type")
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _bytes(value: Any) -> int:
    """Bytes of the tensors in nested containers, each once."""
    return sum(leaf.nbytes for leaf in leaves(value) if isinstance(leaf, Tensor))
