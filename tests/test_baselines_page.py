"""docs/baselines.md says what the configs hold, and its benchmark runs."""

import re

import pytest
from forked import run_script

from pgf_plugin.config import list_configs, load_config
from pgf_plugin.models import MSAModel, build_on_meta, ledger
from pgf_plugin.registry import MODELS

ROW = re.compile(r"`([\w-]+/[\w-]+)` \| (masked|reference|both) \| ([\d,]+) \| ([\d,]+) \|$", re.M)


SIZES = re.compile(
    r"^\| [^|]+ \| `(\w+)` \| ([^|]+) \| `[^`]+` \| \w+ \| [\d,]+ \| [\d,]+ \|$", re.M
)
"""Rows of a model, its type and paper, with both counts."""


@pytest.fixture(scope="module")
def readme(pytestconfig):
    return (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(pytestconfig):
    return (pytestconfig.rootpath / "docs" / "baselines.md").read_text(encoding="utf-8")


def test_the_sizes_are_those_of_the_configs(page):
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    rows = ROW.findall(page)
    assert len(rows) == sum(page.count(f"| {kind} |") for kind in ("masked", "reference", "both"))
    for config, kind, trainable, without_encoder in rows:
        model = load_config(config).model
        counts = ledger(build_on_meta(model))
        assert f"{counts.trainable:,}" == trainable, config
        assert f"{counts.trainable_without_encoder:,}" == without_encoder, config
        if model.type not in ("MMSAModel", "SelfMM"):
            assert model.get("reference", False) is (kind == "reference"), config


def test_every_baseline_is_on_the_page(page):
    types = {
        name
        for name, component in MODELS.module_dict.items()
        if isinstance(component, type) and issubclass(component, MSAModel)
        if component.__module__.startswith("pgf_plugin.")
    }
    assert {name for name in types if f"`{name}`" not in page} == set()
    for config in re.findall(r"bench/\w+\.py", page):
        assert config in list_configs()
    for name in load_config("bench/mosi_mmsa_reference").bench.models:
        assert f"| {name} |" in page


def test_every_model_of_the_readme_has_a_paper_and_both_counts(page, readme):
    table = readme.partition("| model | `type` | paper |")[2].partition("\n\n")[0]
    types = set(re.findall(r"\| `(\w+)` \|", table))
    assert types >= {"PGFNet", "MulT", "MISA", "SelfMM", "MAGBert", "TFN", "LMF", "MMA"}
    assert types <= set(MODELS.module_dict)
    rows = SIZES.findall(page)
    for name in types:
        papers = [paper for kind, paper in rows if kind == name]
        assert papers, f"{name} has no row with both counts"
        assert name == "TextOnlyNet" or all("](https://" in paper for paper in papers), name


def test_our_numbers_are_those_of_the_readme(page, readme):
    ours = page.partition("## Ours")[2].partition("## A row")[0]
    rows = re.findall(r"^(\| .*±.*) \|$", ours, re.M)
    assert len(rows) == 4
    assert all(row in readme for row in rows)


def test_the_benchmark_of_masks_runs(pytestconfig):
    script = pytestconfig.rootpath / "benchmarks" / "masking.py"
    printed = run_script(script, "--seeds", 0, "--samples", 2)
    rows = [line.split("|")[1:-1] for line in printed.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == ["MulT", "MISA", "TFN", "LMF"]
    assert all(float(row[1]) > 0 for row in rows), "no variant reads padding"
