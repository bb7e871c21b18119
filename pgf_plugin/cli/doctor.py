"""``pgf doctor``: what this installation has, and what would not work here and why."""

import argparse
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pgf_plugin.cli.check import UNREADABLE, load
from pgf_plugin.cli.options import add_config
from pgf_plugin.config import Problem
from pgf_plugin.doctor import CHECKS, Finding, Section, check_here, collect
from pgf_plugin.doctor.report import findings_of
from pgf_plugin.json_files import json_text


def add_parser(commands) -> None:
    """Add the command to ``commands``."""
    parser = commands.add_parser(
        "doctor",
        help="say what this installation has, and what would not work here",
        description=f"{__doc__} With CONFIG, also what that config lacks here; no weights and no "
        "data are read. Ends with 0 unless the installation, or a CONFIG, cannot work.",
    )
    add_config(parser, several="*")
    parser.add_argument("--json", action="store_true", help="print JSON")
    # As the user set it: pgf changes some variables for the time of a command.
    parser.set_defaults(run=run, environment=dict(os.environ))


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 if something is broken."""
    sections = collect(CHECKS, args.environment)
    configs = {label: found for name in args.configs for label, found in _configs(name, args)}
    findings = [*findings_of(sections), *(each for found in configs.values() for each in found)]
    healthy = not any(finding.broken for finding in findings)
    if args.json:
        print(json_text(_as_json(sections, configs, findings, healthy), indent=2))
    else:
        _print(sections, configs, findings)
    return int(not healthy)


def _configs(name: str, args: argparse.Namespace) -> Iterator[tuple[str, list[Finding]]]:
    """What a config, or each model of a bench, lacks here."""
    try:
        cfg, overrides = load(name, args)
    except UNREADABLE as error:
        yield name, [Finding(name, str(error).rstrip("."), "Correct it", broken=True)]
        return
    if not overrides:
        yield name, check_here(name, cfg)
        return
    from pgf_plugin.bench.check import compose_models

    for model, trial in compose_models(cfg, **overrides):
        label = f"{name}, {model}"
        if isinstance(trial, Problem):
            yield label, [Finding(label, str(trial).rstrip("."), "Correct it", broken=True)]
        else:
            yield label, check_here(label, trial)


def _as_json(
    sections: list[Section],
    configs: dict[str, list[Finding]],
    findings: list[Finding],
    healthy: bool,
) -> dict[str, Any]:
    return {
        "healthy": healthy,
        "sections": {section.title: section.facts for section in sections},
        "configs": {label: [asdict(each) for each in found] for label, found in configs.items()},
        "would_not_work": [asdict(finding) for finding in findings],
    }


def _print(
    sections: list[Section], configs: dict[str, list[Finding]], findings: list[Finding]
) -> None:
    for section in sections:
        print(section.title)
        width = max(map(len, section.facts), default=0)
        for name, value in section.facts.items():
            print(f"  {name:<{width}}  {value}")
        if not section.facts:
            print("  none")
        print()
    for label, found in configs.items():
        lacks = any(each.broken for each in found)
        print(f"{label}: {'would not run here' if lacks else 'would run here'}\n")
    print("what would not work here, and why")
    for finding in findings:
        print(f"  {'! ' if finding.broken else '- '}" + str(finding).replace("\n", "\n    "))
    if not findings:
        print("  nothing that is known")
