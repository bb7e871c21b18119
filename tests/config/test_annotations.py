"""Values against type annotations, without a false alarm."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypeVar, Union

import pytest
import torch
from torch import nn

from pgf_plugin.config.annotations import advice, describe, fits
from pgf_plugin.config.signatures import arguments_of
from pgf_plugin.models.build import ComponentConfig
from pgf_plugin.registry import ROOT_REGISTRIES

T = TypeVar("T")


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, int),
        (1e3, int),  # a whole number
        (1, float),
        (0, bool),
        (None, bool),
        (None, Optional[int]),  # noqa: UP045 - configs meet both spellings
        ("a", Union[int, str]),  # noqa: UP007
        ([1, 2], tuple[int, int]),
        ((1, 2), list[int]),
        ([], Sequence[str]),
        ([1, None], tuple[float | None, ...]),
        ({"a": 1}, Mapping[str, int]),
        ({"a": {"type": "X"}}, dict[str, ComponentConfig]),
        ("l1", Literal["l1", "mse"]),
        ("here", Path | None),
        (3, Annotated[int, "steps"]),
        # What cannot be known is let through.
        (3, "int"),
        ("x", T),
        ("float16", torch.dtype),
        (nn.Identity(), int),
        (print, str),
        ("name", Callable[[int], int]),
        ("abc", Iterable[str]),
        (["a"], Any),
        (3, inspect.Parameter.empty),
    ],
)
def test_what_fits(value, annotation):
    assert fits(value, annotation)


@pytest.mark.parametrize(
    ("value", "annotation", "allowed", "meant"),
    [
        ("ten", int, "an integer", ""),
        ("10", int, "an integer", "10, without quotes"),
        (1.5, int, "an integer", ""),
        (True, int, "an integer", ""),
        ("1e-4", float | None, "a number or None", "0.0001, without quotes"),
        ("False", bool, "True or False", "False, without quotes"),
        (2, bool, "True or False", ""),
        (None, int, "an integer", ""),
        (3, str, "a string", ""),
        ("text", Sequence[str], "a list (a string each)", r"\['text'\]"),
        ({"type": "X"}, list[dict], "a list (a dict each)", r"\[{'type': 'X'}\]"),
        ([1], dict, "a dict", ""),
        ([0.9], tuple[float, float], "a list of 2 (a number, a number)", ""),
        ([1, "2"], list[int], "a list (an integer each)", ""),
        ({"a": "b"}, Mapping[str, int], "a dict (a string to an integer)", ""),
        ("l3", Literal["l1", "mse"], "one of 'l1', 'mse'", "'l1'"),
        ("Gpu", Literal["cpu", "gpu"] | None, "one of 'cpu', 'gpu' or None", "'gpu'"),
        (3, ComponentConfig, "a dict or Module", ""),
        ("Net", ComponentConfig, "a dict or Module", r"dict\(type='Net'\)"),
        (3, Path, "a path", ""),
    ],
)
def test_what_does_not_fit_and_what_is_said(value, annotation, allowed, meant):
    assert not fits(value, annotation)
    assert describe(annotation) == allowed
    assert re.fullmatch(rf" Did you mean {meant}\?" if meant else "", advice(value, annotation))


SAMPLES = {"int": 3, "float": 0.5, "str": "text", "bool": True, "dict": {"a": 1}, "list": []}


def documented_types(component, argument):
    """Names of types in a docstring's ``argument (int or str, optional):``."""
    kinds = component.__mro__ if inspect.isclass(component) else [component]
    texts = [inspect.getdoc(each) or "" for kind in kinds for each in (kind, kind.__init__)]
    found = re.search(rf"^\s*{re.escape(argument)}\s*\(([^)]*)\)\s*:", "\n".join(texts), re.M)
    return set(re.findall(r"[A-Za-z]+(?:\[[^\]]*\]+)?", found[1])) & SAMPLES.keys() if found else ()


@pytest.mark.engine
def test_no_component_of_the_engine_raises_a_false_alarm():
    """Its defaults fit, and whatever its docstrings allow."""
    checked = 0
    for registry in ROOT_REGISTRIES.values():
        for name, component in registry.module_dict.items():
            arguments = arguments_of(component) if callable(component) else None
            for argument, annotation in arguments.types.items() if arguments else ():
                checked += 1
                default = arguments.defaults.get(argument)
                assert default is None or fits(default, annotation), (name, argument, default)
                for kind in documented_types(component, argument):
                    chosen = kind == "str" and "Literal" in str(annotation)
                    assert chosen or fits(SAMPLES[kind], annotation), (name, argument, kind)
    assert checked > 600
