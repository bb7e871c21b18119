"""The report says of intervals, comparisons and published numbers what the tables say."""

import re

import pytest
from made_up import made_up_trial
from report_results import page_of

from pgf_plugin.bench import collect
from pgf_plugin.bench.cells import against_cell
from pgf_plugin.bench.published import read_published
from pgf_plugin.tables import MISSING

PAPER = {"model": "MISA", "source": "arXiv 2005.03545", "metrics": {"MAE": 0.55, "Acc7": 42.3}}


@pytest.fixture
def results(tmp_path):
    errors = {"PGF-Net": (0.60, 0.61, 0.59), "Same": (0.70, 0.80, 0.91), "Reference": (0.80,) * 3}
    return [
        made_up_trial(tmp_path, model, seed, error=error, selection="Acc7")
        for model, by_seed in errors.items()
        for seed, error in enumerate(by_seed)
    ]


@pytest.fixture
def page(results, tmp_path):
    published = read_published([PAPER])
    path = page_of(results, tmp_path, "Made up", reference="Reference", published=published)
    return path.read_text(encoding="utf-8")


def cells(page, name):
    """Texts of the cells of a row of the table of results, by the heads of their columns."""
    table = re.search(r'<table id="rows".*?</table>', page, re.DOTALL).group()
    heads = [
        re.sub("<.*?>", "", head) for head in re.findall(r"<th [^>]*>(?:<button.*?)</th>", table)
    ]
    line = next(row for row in re.findall("<tr>.*?</tr>", table)[1:] if f"{name}<" in row)
    found = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line)
    texts = [re.sub("<.*?>", " ", cell) for cell in found]
    return dict(zip(heads, (" ".join(text.split()) for text in texts), strict=True))


def test_the_interval_of_the_mae_is_that_of_the_tables(page, results, tmp_path):
    row = collect(results, tmp_path)[0]
    told = f"{row.interval.low:.3f} to {row.interval.high:.3f}"
    assert told in cells(page, "PGF-Net")["MAE"]
    assert 'title="95 % interval over seeds and utterances"' in page
    assert f"95 % interval over seeds and utterances: {told}" in page  # of the chart


def test_intervals_of_other_metrics_are_over_the_seeds(page):
    assert " to " in cells(page, "PGF-Net")["Corr"]
    assert 'title="95 % interval over seeds"' in page


def test_verdicts_are_those_of_the_tables(page, results, tmp_path):
    rows = {row.model: row for row in collect(results, tmp_path, "Reference")}
    verdicts = {"PGF-Net": "better", "Same": "not distinguishable"}
    for model, verdict in verdicts.items():
        shown = cells(page, model)["against Reference"]
        assert shown == " ".join(against_cell(rows[model])).replace("<", "&lt;")
        assert shown.endswith(f") {verdict}")
        assert re.search(rf"<li>{model} against Reference: [^<]*; p [^<]*, {verdict}</li>", page)
    assert cells(page, "Reference")["against Reference"] == "reference"


def test_published_numbers_stand_beside_the_rows_and_are_marked(page):
    shown = cells(page, "MISA (paper)")
    assert (shown["MAE"], shown["Acc-7"], shown["Corr"]) == ("0.550", "42.3", MISSING)
    assert shown["against Reference"] == MISSING
    assert "as published in arXiv 2005.03545; not measured here" in page
    assert 'class="paper"' in page


def test_the_metric_that_chose_the_checkpoints_comes_first(page):
    options = re.findall(r'<option value="(\w+)"', page)
    assert options[0] == "Acc7"
    assert "val Acc-7" in page
