"""Checks the nodes of a config, each a component to be built, against the component's signature."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from mmengine.registry import Registry

from pgf_plugin.arguments import declared_problems
from pgf_plugin.config.import_failures import import_failure, told
from pgf_plugin.config.problem import Problem, isolated
from pgf_plugin.config.signatures import arguments_of, misfits, type_problem
from pgf_plugin.config.slots import SLOTS, Slot
from pgf_plugin.config.trial import KNOWN, trial_problems
from pgf_plugin.errors import did_you_mean, misspelt, shown
from pgf_plugin.plugin import BrokenComponent
from pgf_plugin.registry import ROOT_REGISTRIES, SCOPE

RESERVED = ("type", "_scope_", "_delete_")

_NODES = (("vis_backends", "VISUALIZERS"), ("metrics", "EVALUATOR"))
"""Arguments of the engine that hold nodes and nothing else, by registry."""

_SWITCHES = ("convert_to_iter_based",)
"""Keys that a builder takes out, and that are true or false."""


class NodeChecker:
    """Checks nodes, and all nodes below them.

    Args:
        scope: scope in which names are looked up.
        end: epochs of the run, where schedulers end by default; None where that is not known.
    """

    def __init__(self, scope: str, end: int | None = None) -> None:
        self.scope = scope
        self.end = end

    def place(self, key: str, value: Any, slot: Slot) -> Iterator[Problem]:
        """Check what stands at a place: a node, a list of nodes, a built component, or None."""
        if isinstance(value, list | tuple) and slot.several:
            for position, item in enumerate(value):
                place = f"{key}[{position}]"
                if item is None:
                    yield Problem(place, "must be dict(type=…), got None")
                yield from self.place(place, item, slot)
        elif isinstance(value, dict):
            yield from self.node(key, value, slot)
        elif isinstance(value, type) and slot.registry != "FUNCTIONS":
            name = value.__name__
            yield Problem(key, f"must be dict(type={name}, …), got the class {name} itself")
        elif isinstance(value, list | tuple | str | bytes | bool | int | float):
            hint = f" Did you mean dict(type={value!r})?" if isinstance(value, str) else ""
            yield Problem(key, f"must be dict(type=…), got {shown(value)}.{hint}".rstrip("."))

    def node(
        self, key: str, node: Mapping[str, Any], slot: Slot, *, certain: bool = True
    ) -> Iterator[Problem]:
        """Check one node and, recursively, the nodes in its arguments.

        Args:
            key: place of the node.
            node: its config.
            slot: what may stand there.
            certain: whether it is a component of that registry; a dict with a type may also mean
                something to its parent alone, as ``norm_cfg=dict(type='BN')`` does.
        """
        given = {name: value for name, value in node.items() if name not in RESERVED}
        kind = node.get("type", slot.default)
        if certain or self._is_meant(kind, slot):
            yield from isolated(key, lambda: self._component(key, kind, given, slot))
        owner = self._registered(self._meant(kind, slot) or kind, slot)
        for name, value in given.items():
            means = slot.registry != "MODELS" and _means_components(owner, name)
            handed = means or _package(owner) == SCOPE
            yield from self._argument(f"{key}.{name}", name, value, slot, certain=handed)

    def resolve(self, key: str, kind: Any, slot: Slot) -> Callable[..., Any] | Problem:
        """Return the component that ``type`` names, or what is wrong with it."""
        registry: Registry = ROOT_REGISTRIES[slot.registry]
        if kind is None:
            return Problem(key, f"needs a type, the name of a component of {slot.registry}")
        if not isinstance(kind, str):
            if callable(kind):
                return kind
            return Problem(f"{key}.type", f"must be a name or a class, got {shown(kind)}")
        try:
            with registry.switch_scope_and_registry(self.scope) as active:
                component = active.get(kind)
        except RuntimeError:  # how mmengine 0.10.7 says that there is none
            component = None
        except ImportError as error:  # of the modules that a scope registers
            raised = told(error, kind.partition(".")[0])
            return Problem(f"{key}.type", f"is {kind!r}, which cannot be looked up: {raised}")
        if component is None:
            unknown = f"no component {kind!r} is registered in {slot.registry}"
            if reason := import_failure(kind, registry.children):
                return Problem(f"{key}.type", f"{unknown}, and {reason}")
            hint = did_you_mean(kind.rpartition(".")[2], registry.module_dict)
            return Problem(f"{key}.type", f"{unknown}.{hint}")
        if isinstance(component, BrokenComponent):
            return Problem(f"{key}.type", component.summary)
        return component

    def _component(
        self, key: str, kind: Any, given: Mapping[str, Any], slot: Slot
    ) -> Iterator[Problem]:
        """The component of one node: its name, and the names, types and values of its arguments."""
        component = self.resolve(key, kind, slot)
        if isinstance(component, Problem):
            yield component
            return
        supplied = _supplied(component, slot, nested="." in key)
        found = dict(misfits(component, given, supplied, slot.extra))
        right = {name: value for name, value in given.items() if name not in found}
        for name, message in declared_problems(component, right):
            found.setdefault(name, message)
        for name in _SWITCHES:
            if name in slot.extra and (said := type_problem(given.get(name), bool)):
                found[name] = said
        yield from (Problem(f"{key}.{name}", message) for name, message in found.items())
        if all(name in given for name in found):  # what lacks an argument cannot be built
            right = {name: value for name, value in right.items() if name not in found}
            yield from (
                Problem(*refused)
                for refused in trial_problems(
                    slot.registry, component, key, right, self.end, list(found)
                )
            )

    def _argument(
        self, key: str, name: str, value: Any, slot: Slot, *, certain: bool
    ) -> Iterator[Problem]:
        """Check an argument that is itself a node, a list of nodes, or neither.

        ``certain`` is whether its owner is known to have it built by the registry of its place.
        """
        of_model = slot.registry == "MODELS"
        inner = None if of_model else SLOTS.get(name)
        if isinstance(value, dict) and ("type" in value or (name, slot.registry) in _NODES):
            place = inner or Slot(slot.registry)
            if of_model or certain or self._is_ours(value.get("type"), place):
                built = certain and (of_model or inner is not None)
                yield from self.node(key, value, place, certain=built)
        elif isinstance(value, list | tuple):
            for position, item in enumerate(value):
                yield from self._argument(f"{key}[{position}]", name, item, slot, certain=certain)
        elif isinstance(value, dict) and of_model:
            for part, item in value.items():
                yield from self._argument(f"{key}.{part}", part, item, slot, certain=certain)

    def _is_meant(self, kind: Any, slot: Slot) -> bool:
        """Whether a type names, or nearly names, a component of a registry."""
        return callable(kind) or self._meant(kind, slot) is not None

    def _meant(self, kind: Any, slot: Slot) -> str | None:
        """The component of a registry that a name means, or is one or two letters away from."""
        known = ROOT_REGISTRIES[slot.registry].module_dict
        name = kind.rpartition(".")[2] if isinstance(kind, str) else None
        return name if name is None or name in known else misspelt(name, known)

    def _is_ours(self, kind: Any, slot: Slot) -> bool:
        """Whether a type names a component of this package or the engine."""
        return _package(self._registered(kind, slot)) in KNOWN

    def _registered(self, kind: Any, slot: Slot) -> Any:
        known = ROOT_REGISTRIES[slot.registry].module_dict
        return known.get(kind.rpartition(".")[2]) if isinstance(kind, str) else kind


def _package(component: Any) -> str:
    return (getattr(component, "__module__", None) or "").partition(".")[0]


def _means_components(component: Any, argument: str) -> bool:
    """Whether an argument is one of this package or the engine: of the class, or of a base class.

    What another package's class means by ``transforms=[dict(type=…)]``, it alone knows.
    """
    bases = component.__mro__ if isinstance(component, type) else [component]
    ours = [base for base in bases if _package(base) in KNOWN]
    return any(base is component or argument in _accepted(base) for base in ours)


def _accepted(component: Any) -> Collection[str]:
    return arguments_of(component).accepted or ()


def _supplied(component: Any, slot: Slot, *, nested: bool) -> Sequence[str] | None:
    """Arguments that the builder fills in; None where that is not known.

    A part of a model declares them in its attribute ``supplied``. One that does not is left to
    the meta build, which sees what its parent really passes.
    """
    if slot.registry == "FUNCTIONS":  # called with the batch, or the worker's number
        return arguments_of(component).required[:1]
    if slot.registry == "MODELS" and nested:
        return getattr(component, "supplied", None)
    return slot.supplied
