"""The parts of a report: sections of facts, and findings of what would not work."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something that would not work here.

    Attributes:
        what: what would not work.
        why: the reason.
        do: what to do about it.
        broken: whether the installation, or what the user asked for, is broken; False for what is
            only missing for a part of the package.
    """

    what: str
    why: str
    do: str
    broken: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.why}. {self.do}"


@dataclass
class Section:
    """Facts under one title.

    Attributes:
        title: what the facts are about.
        facts: name to value, as they are shown.
        findings: what would not work.
    """

    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def find(self, what: str, why: str, do: str, *, broken: bool = False) -> None:
        """Add a finding."""
        self.findings.append(Finding(what, why, do, broken))


Check = Callable[[Section, Mapping[str, str]], None]
"""Fills a section; its second argument is the environment as the user set it."""


def collect(checks: Mapping[str, Check], environment: Mapping[str, str]) -> list[Section]:
    """Run every check; one that raises is a finding and hides no other.

    Args:
        checks: title to check.
        environment: the environment variables, as the user set them.
    """
    sections = []
    for title, check in checks.items():
        section = Section(title)
        try:
            check(section, environment)
        except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
            section.find(
                f"the check of {title!r}",
                f"it raised {type(error).__name__}: {error}",
                "Reinstall the package that it names, or report this with the whole output",
            )
        sections.append(section)
    return sections


def reason_and_advice(error: Exception, otherwise: str) -> tuple[str, str]:
    """Split what an error says into its first sentence and the rest, which says what to do."""
    reason, _, advice = str(error).partition(". ")
    return reason.rstrip("."), advice or otherwise


def findings_of(sections: Iterable[Section]) -> list[Finding]:
    """All findings, the broken ones first."""
    found = [finding for section in sections for finding in section.findings]
    return sorted(found, key=lambda finding: not finding.broken)
