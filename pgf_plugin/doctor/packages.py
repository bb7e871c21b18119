"""The packages that are installed: versions, the engine, extras."""

import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import NamedTuple

import mmengine
from packaging.requirements import Requirement

from pgf_plugin.doctor.report import Section
from pgf_plugin.environment import ENGINES, engine, installed_version, versions

DISTRIBUTION = "pgf-plugin"
TESTED_PYTHON = (3, 11)
TESTED_ENGINES = {
    ("mmengine", "0.10.7"): "all tests",
    ("mmengine", "0.11.0rc3"): "integration tests",
    ("onedl-mmengine", "0.10.12"): "integration tests",
}
"""What the README's table says was tested, with Python 3.11 on a CPU."""

FOR_DEVELOPERS = ("all", "dev", "test")
"""Extras that no command needs."""


class Missing(NamedTuple):
    """A requirement that is not met, and the version that is installed in its place, if any."""

    requirement: Requirement
    installed: str | None

    def __str__(self) -> str:
        has = "not installed" if self.installed is None else f"{self.installed} is installed"
        return f"{self.requirement.name}{self.requirement.specifier} ({has})"


def check_versions(section: Section, environment: Mapping[str, str]) -> None:
    """Versions, and whether they are those that this package requires."""
    section.facts["python"] = f"{platform.python_version()} ({sys.executable})"
    section.facts["system"] = f"{platform.system()} {platform.machine()}"
    section.facts |= versions()
    try:
        missing = list(unmet_requirements())
    except PackageNotFoundError:
        section.find(
            "entry points and extras",
            f"{DISTRIBUTION} is not installed, it runs from its source tree",
            "Run: python -m pip install -e .",
        )
        return
    for unmet in missing:
        section.find(
            f"{DISTRIBUTION} as a whole",
            f"it needs {unmet}",
            f'Run: python -m pip install "{unmet.requirement.name}{unmet.requirement.specifier}"',
            broken=True,
        )


def check_engine(section: Section, environment: Mapping[str, str]) -> None:
    """Which distribution provides mmengine, and who tested it."""
    name, version = engine(), str(mmengine.__version__)
    section.facts["module"] = f"mmengine {version}, {mmengine.__file__}"
    section.facts["distribution"] = name or "unknown"
    both = [each for each in ENGINES if installed_version(each)]
    if len(both) > 1:
        section.find(
            "anything that uses the engine",
            f"{' and '.join(both)} are both installed, and both are the module mmengine",
            f"Run: python -m pip uninstall -y {' '.join(both)}, then install one of them",
            broken=True,
        )
    section.facts["pkg_resources"] = _package_resources()
    tested = TESTED_ENGINES.get((name or "", version))
    python = sys.version_info[:2]
    section.facts["tested"] = (
        f"{tested}, on a CPU" if tested and python == TESTED_PYTHON else "nobody ran the tests so"
    )
    untested = [] if tested else [f"{name or 'an unknown engine'} {version}"]
    if python != TESTED_PYTHON:
        untested.append(f"Python {python[0]}.{python[1]}")
    if untested:
        known = ", ".join(f"{each} {number}" for each, number in TESTED_ENGINES)
        section.find(
            "perhaps something that nobody knows of",
            f"nobody ran the tests with {' and '.join(untested)}",
            f"Tested are Python {'.'.join(map(str, TESTED_PYTHON))} with {known}",
        )


def check_extras(section: Section, environment: Mapping[str, str]) -> None:
    """Which extras are complete, and the command that installs the others."""
    for extra in distribution(DISTRIBUTION).metadata.get_all("Provides-Extra") or ():
        missing = list(unmet_requirements(extra))
        command = f'python -m pip install "{DISTRIBUTION}[{extra}]"'
        lacks = ", ".join(map(str, missing))
        section.facts[extra] = f"missing: {lacks}; {command}" if missing else "installed"
        if missing and extra not in FOR_DEVELOPERS:
            section.find(f"what needs the extra {extra!r}", f"it needs {lacks}", f"Run: {command}")


def unmet_requirements(extra: str = "") -> Iterator[Missing]:
    """Requirements of this package, or of one of its extras, that are not met.

    Raises:
        PackageNotFoundError: if this package is not installed.
    """
    for line in distribution(DISTRIBUTION).requires or ():
        requirement = Requirement(line)
        installed = installed_version(requirement.name)
        if not _is_of(requirement, extra) or (
            installed is not None and requirement.specifier.contains(installed, prereleases=True)
        ):
            continue
        if installed is None and requirement.name == "mmengine" and engine() in ENGINES:
            continue  # the fork provides it
        yield Missing(requirement, installed)


def _is_of(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    always = marker is None or marker.evaluate({"extra": ""})
    if not extra or marker is None:
        return always and not extra
    return not always and marker.evaluate({"extra": extra})


def _package_resources() -> str:
    """mmengine imports it in two of its helpers, which nothing here calls."""
    has = "with" if find_spec("pkg_resources") else "without"
    setuptools = installed_version("setuptools")
    name = f"setuptools {setuptools}" if setuptools else "no setuptools"
    return f"{name}, {has} pkg_resources (either is fine)"
