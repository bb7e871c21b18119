"""The table of a bench, from results that are there before any model is trained."""

import math

import pytest
from rich.console import Console

from pgf_plugin.bench import Spread, TrialResult, collect
from pgf_plugin.bench.table import caption, markdown_table, terminal_tables
from pgf_plugin.evaluation import SCALES
from pgf_plugin.tables import MISSING


def finished(model, seed, scale="mosi", **metrics):
    names = [info.name for info in SCALES[scale]]
    values = dict.fromkeys(names, 0.5 + seed / 100) | metrics
    counts = dict(trainable=1_500_000, total=23_000_000, trainable_without_encoder=999)
    return TrialResult(model, seed, "", metrics=values, ms_per_utterance=1.5, **counts)


def failed(model, seed):
    return TrialResult(model, seed, "", status="failed")


def cells(table, model):
    line = next(line for line in table.splitlines() if line.startswith(f"| {model} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def shown(rows, width):
    console = Console(width=width)
    with console.capture() as capture:
        for table in terminal_tables(rows, "Title", width):
            console.print(table)
    return capture.get()


def test_a_model_with_a_failed_seed_is_marked():
    rows = collect(
        [finished("A", 0), finished("A", 1), finished("B", 0), failed("B", 1), failed("C", 0)]
    )
    table = markdown_table(rows)
    assert cells(table, "A")[:2] == ["A", "0.505 ± 0.007"]
    assert cells(table, "B")[:2] == ["B (1/2 seeds)", "0.500"]
    assert cells(table, "C")[:3] == ["C", "failed", ""]
    assert "(1/2 seeds)" in shown(rows, 200)
    notes = caption(rows)
    assert notes[0].startswith("Mean ± std over seeds 0, 1;")
    assert notes[1:] == ["B: seed 1 failed; its row is over seed 0.", "C: seed 0 failed."]


def test_one_seed_has_no_deviation():
    rows = collect([finished("A", 3), finished("B", 3)])
    table = markdown_table(rows)
    assert "±" not in table + caption(rows)[0]
    assert "nan" not in table
    assert caption(rows)[0].startswith("One seed a model (seed 3), so no standard deviation")


def test_the_metrics_of_ch_sims_have_columns_of_their_own():
    rows = collect([finished("A", 0, "sims", Acc3=0.625), failed("B", 0)])
    table = markdown_table(rows)
    assert table.startswith("| model | MAE | Corr | Acc-5 | Acc-3 | Acc-2 | F1 | trainable ")
    assert cells(table, "A")[1:7] == ["0.500", "0.500", "50.0", "62.5", "50.0", "50.0"]
    assert len(cells(table, "A")) == len(cells(table, "B"))


def test_no_seed_has_no_mean():
    assert caption(collect([failed("A", 0), failed("A", 1)])) == ["A: seeds 0, 1 failed."]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_defined_is_a_dash(value):
    rows = collect([finished("A", 0, Acc2_non0=value), finished("A", 1)])
    row = cells(markdown_table(rows), "A")
    assert row[4] == f"50.5 ± 0.7 / {MISSING}"
    assert math.isnan(Spread.of([value, 1.0]).mean)
    rows = collect([TrialResult("A", 0, "")])
    row = cells(markdown_table(rows), "A")
    assert row[1:] == [*[MISSING] * 3, *[f"{MISSING} / {MISSING}"] * 2, *[MISSING] * 4]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_number_is_cut_off(width):
    rows = collect([finished(model, seed) for model in ("PGF-Net", "Text only") for seed in (0, 1)])
    text = shown(rows, width)
    assert "…" not in text
    for number in ("0.505 ± 0.007", "50.5 ± 0.7", "1.50 M", "999", "1.50"):
        assert text.count(number) >= 2
