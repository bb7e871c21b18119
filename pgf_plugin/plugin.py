"""Finds the components that installed distributions declare as entry points.

mmengine has no discovery of its own. A distribution declares its components in the groups of
:data:`GROUPS`, one line a component (``setup.cfg``)::

    [options.entry_points]
    mmengine.models =
        MyModel = my_package.my_model:MyModel

:func:`load_entry_points` registers them on mmengine's root registries. The commands and the
benchmark call it, and so may users; importing :mod:`pgf_plugin` does not.
"""

import inspect
import os
import re
import warnings
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NoReturn

from pgf_plugin.registry import ROOT_REGISTRIES

GROUPS = {
    "mmengine.models": "MODELS",
    "mmengine.datasets": "DATASETS",
    "mmengine.transforms": "TRANSFORMS",
    "mmengine.metrics": "METRICS",
    "mmengine.hooks": "HOOKS",
    "mmengine.data_samplers": "DATA_SAMPLERS",
    "mmengine.optim_wrappers": "OPTIM_WRAPPERS",
    "mmengine.functions": "FUNCTIONS",
}
"""Entry point group to the Python name of mmengine's root registry."""

OPT_OUT = "PGF_NO_ENTRY_POINTS"
"""Environment variable: set to ``1``, only what was imported is registered."""

_ARXIV = re.compile(r"arXiv[: ]\s*(\d{4}\.\d{4,5})")
_PAPER = re.compile(r"^\s*Paper:\s*(.+?)\s*$", re.M)


class BrokenEntryPointWarning(UserWarning):
    """An entry point could not be loaded; its name raises the cause when it is built."""


class EntryPointConflictWarning(UserWarning):
    """An entry point names what is registered already; what was there first is kept."""


@dataclass(frozen=True)
class BrokenComponent:
    """Stands in the registry for an entry point that failed to load.

    Attributes:
        summary: entry, distribution and cause in one sentence.
        cause: what loading it raised.
    """

    summary: str
    cause: BaseException

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImportError(self.summary) from self.cause


@dataclass(frozen=True)
class Component:
    """One declared component.

    Attributes:
        group: kind of component, the group's last part (``'models'``).
        name: what a config's ``type`` says.
        distribution: name of the distribution that declares it.
        target: the class or function, or a :class:`BrokenComponent`.
    """

    group: str
    name: str
    distribution: str
    target: Any

    @property
    def purpose(self) -> str:
        """First line of the docstring, or why the component is broken."""
        if isinstance(self.target, BrokenComponent):
            return f"broken: {self.target.summary}"
        return (inspect.getdoc(self.target) or "").partition("\n")[0].replace("``", "")

    @property
    def paper(self) -> str:
        """The first arXiv number in the docstring, or else what it says after ``Paper:``."""
        text = inspect.getdoc(self.target) or ""
        arxiv, paper = _ARXIV.search(text), _PAPER.search(text)
        if arxiv:
            return f"arXiv {arxiv[1]}"
        return paper[1] if paper else ""


@cache
def load_entry_points() -> tuple[Component, ...]:
    """Register the components of every installed distribution, once a process.

    A broken entry point is isolated: it is warned about once, and building its name raises the
    cause, unless another distribution has a whole one of that name. A name that is registered
    already is kept: silently where it is the same object, with a warning where it is another. With
    ``PGF_NO_ENTRY_POINTS=1`` nothing is loaded.

    Returns:
        the components, sorted by group, then distribution, then name.
    """
    if os.environ.get(OPT_OUT, "").lower() in {"1", "true", "yes"}:
        return ()
    found = [_load(entry) for group in GROUPS for entry in entry_points(group=group)]
    order = [group.removeprefix("mmengine.") for group in GROUPS]
    found.sort(key=lambda c: (order.index(c.group), c.distribution, c.name))
    for component in sorted(found, key=lambda c: isinstance(c.target, BrokenComponent)):
        _register(component)
    return tuple(found)


def components() -> tuple[Component, ...]:
    """What ``pgf list`` shows: every declared component, the broken ones among them."""
    return load_entry_points()


def _load(entry: EntryPoint) -> Component:
    distribution = entry.dist.name if entry.dist else "an unknown distribution"
    target: Any
    try:
        target = entry.load()
        if not (inspect.isclass(target) or inspect.isroutine(target)):
            raise TypeError(f"{entry.value} is not a class or a function, but {target!r}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code may raise anything
        summary = (
            f"entry point {entry.name!r} ({entry.value}) of {distribution} cannot be loaded: "
            f"{type(error).__name__}: {error}"
        )
        warnings.warn(summary, BrokenEntryPointWarning, stacklevel=3)
        target = BrokenComponent(summary, error)
    return Component(entry.group.removeprefix("mmengine."), entry.name, distribution, target)


def _register(component: Component) -> None:
    registry = ROOT_REGISTRIES[GROUPS[f"mmengine.{component.group}"]]
    name, target = component.name, component.target
    held = registry.module_dict.get(name)
    if held is None:
        registry.register_module(name=name, module=target)
    elif held is not target and not isinstance(target, BrokenComponent):
        where = f"{target.__module__}:{target.__qualname__}"
        warnings.warn(
            f"entry point {name!r} ({where}) of {component.distribution} is not registered: "
            f"{registry.name} already has {name!r} "
            f"({held.__module__}.{getattr(held, '__qualname__', held)}), which is kept",
            EntryPointConflictWarning,
            stacklevel=3,
        )
