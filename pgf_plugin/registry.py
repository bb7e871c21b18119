"""The scope ``pgf_plugin`` in mmengine's registries, where the components register.

Components register on mmengine's *root* registries: ``Runner`` sets the scope ``mmengine`` when a
config names none, and a lookup that starts at the root never descends into child registries.
The scope still needs one (empty) child for every root, so that ``default_scope='pgf_plugin'`` and
the prefix ``'pgf_plugin.PGFNet'`` resolve: a lookup in a scope climbs to the root, but only if the
scope exists there.
"""

from mmengine import registry as _mmengine
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    FUNCTIONS,
    HOOKS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    TRANSFORMS,
    Registry,
)

__all__ = [
    "DATASETS",
    "DATA_SAMPLERS",
    "FUNCTIONS",
    "HOOKS",
    "METRICS",
    "MODELS",
    "OPTIM_WRAPPERS",
    "ROOT_REGISTRIES",
    "SCOPE",
    "SCOPE_NODES",
    "TRANSFORMS",
]

SCOPE = "pgf_plugin"

ROOT_REGISTRIES: dict[str, Registry] = {
    name: value for name, value in vars(_mmengine).items() if isinstance(value, Registry)
}
"""mmengine's root registries by their Python name (``'MODELS'``, ``'HOOKS'``, …)."""


class _ScopeNode(Registry):
    """A child registry that defers to its root also when the scope is given as a prefix.

    ``'pgf_plugin.PGFNet'`` is looked up in this node alone, while bare names climb to the root.
    """

    def get(self, key: str):
        scope, name = self.split_scope_key(key)
        if scope == self.scope and self.parent is not None and name in self.parent.module_dict:
            return self.parent.module_dict[name]
        return super().get(key)


SCOPE_NODES: dict[str, Registry] = {
    # A node is there already where an earlier import failed further down.
    name: root.children[SCOPE]
    if SCOPE in root.children
    else _ScopeNode(root.name, parent=root, scope=SCOPE, locations=[])
    for name, root in ROOT_REGISTRIES.items()
}
