"""Says why the component that a config names by a dotted path cannot be imported.

mmengine looks such a name up in silence: it gives the same answer for a name that no module has and
for a module that lacks a package.
"""

from collections.abc import Collection
from importlib import import_module

_OF_ITS_NAME = (
    *("mmcv", "mmpretrain", "mmdet", "mmdet3d", "mmpose", "mmocr", "mmyolo", "mmrotate", "mmagic"),
    *("timm", "torchvision", "torchaudio"),
)
_DISTRIBUTIONS = {
    **{name: name for name in _OF_ITS_NAME},
    **{"mmseg": "mmsegmentation", "mmaction": "mmaction2", "sklearn": "scikit-learn"},
}
"""Package to the distribution that installs it, where components of configs often come from it."""


def import_failure(name: str, scopes: Collection[str]) -> str | None:
    """Why none of the modules of a component can be imported, in a clause with what to do.

    Args:
        name: the component, by a dotted path or behind a scope.
        scopes: those that are registered, and need no package.

    Returns:
        the reason; None where it is no import that fails.
    """
    modules = name.split(".")[:-1]
    if not all(part.isidentifier() for part in modules):
        return None
    for end in range(1, len(modules) + 1):
        module = ".".join(modules[:end])
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                return told(error, module)
            if end > 1 or module in scopes:
                return None
            return (
                f"the package {module!r} is not installed: {_advice(module)}, or correct the type"
            )
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything
            return told(error, module)
    return None


def told(error: Exception, module: str) -> str:
    """Tell what importing a module raised."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and "." not in missing:
        return (
            f"{module!r} needs the package {missing!r}, which is not installed: {_advice(missing)}"
        )
    return f"importing {module!r} raises {type(error).__name__}: {error}"


def _advice(package: str) -> str:
    known = _DISTRIBUTIONS.get(package)
    return f"python -m pip install {known}" if known else "install what provides it"
