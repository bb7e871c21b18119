"""Intervals and comparisons of rows, and the files that show them, from results made up."""

import json
import math
import re

import pandas as pd
import pytest
from made_up import made_up_trial
from rich.console import Console

from pgf_plugin.bench import BenchResult, TrialResult, collect
from pgf_plugin.bench.predictions import PREDICTIONS_FILE
from pgf_plugin.bench.published import read_published
from pgf_plugin.bench.report_files import print_report, write_report
from pgf_plugin.errors import ConfigError
from pgf_plugin.tables import MISSING

ERRORS = {"Good": 0.6, "Like it": 0.603, "Bad": 0.8}


@pytest.fixture
def trials(tmp_path):
    """Three models, three seeds, one of them clearly worse."""
    return [
        made_up_trial(tmp_path, model, seed, error=error)
        for seed in range(3)
        for model, error in ERRORS.items()
    ]


def by_label(rows):
    return {row.label: row for row in rows}


def png_height(path):
    """Pixels, from the header."""
    return int.from_bytes(path.read_bytes()[20:24])


def report(tmp_path, trials, reference="", published=(), width=160):
    bench = BenchResult(collect(trials, tmp_path, reference), trials, tmp_path)
    files = write_report(bench, "Title", read_published(published))
    console = Console(width=width)
    with console.capture() as capture:
        print_report(bench, "Title", files, console, read_published(published))
    return {
        name: path.read_text() for name, path in files.items() if name not in ("Plot", "Data")
    }, capture.get()


def test_rows_are_told_apart_only_where_they_differ(trials, tmp_path):
    rows = by_label(collect(trials, tmp_path, "Good"))
    assert rows["Good"].against is None
    assert rows["Bad"].against.verdict == "worse"
    assert rows["Like it"].against.verdict == "not distinguishable"
    for label, row in rows.items():
        assert row.interval.over == "seeds and utterances"
        assert row.interval.low < row.metrics["MAE"].mean < row.interval.high
        if row.against:
            mean = row.metrics["MAE"].mean - rows["Good"].metrics["MAE"].mean
            assert row.against.difference == pytest.approx(mean, abs=1e-5)
            assert row.against.low < row.against.difference < row.against.high
            assert (row.against.seeds, row.against.utterances) == (3, 200)
            assert row.against.p_corrected >= row.against.p
        assert not row.stands_out, label  # the best one is not told from the second


def test_the_better_model_is_better_and_stands_out_alone(trials, tmp_path):
    two = [trial for trial in trials if trial.model != "Like it"]
    rows = by_label(collect(two, tmp_path, "Bad"))
    assert rows["Good"].against.verdict == "better"
    assert rows["Good"].stands_out
    assert not rows["Bad"].stands_out


def test_without_predictions_the_seeds_alone_count(trials, tmp_path):
    (trials[0].folder(tmp_path) / PREDICTIONS_FILE).unlink()  # of 'Good'
    rows = by_label(collect(trials, tmp_path, "Good"))
    assert rows["Good"].interval.over == "seeds"
    assert rows["Bad"].interval.over == "seeds and utterances"
    assert rows["Bad"].against.utterances == 0
    assert rows["Bad"].against.p == rows["Bad"].against.p_seeds
    rows = by_label(collect(trials[:6], None, "Good"))  # two seeds
    assert rows["Good"].interval is None
    assert rows["Bad"].against.verdict == "not tested"
    assert rows["Bad"].against.why_not == "no predictions, two seeds"


def test_predictions_of_another_run_are_not_used(trials, tmp_path):
    trials[0].metrics["MAE"] += 0.01
    assert by_label(collect(trials, tmp_path))["Good"].interval.over == "seeds"


def test_utterances_that_only_share_their_names_are_not_paired(trials, tmp_path):
    for trial in trials[::3]:
        file = trial.folder(tmp_path) / PREDICTIONS_FILE
        frame = pd.read_parquet(file)
        frame[["label", "prediction"]] += 0.01  # another test set: same ids, same errors
        frame.to_parquet(file)
    rows = by_label(collect(trials, tmp_path, "Good"))
    assert rows["Good"].interval is not None
    assert rows["Bad"].against.why_not == "0 common utterances"


@pytest.mark.parametrize(
    ("seeds", "why"), [([0], "one common seed"), ([7, 8, 9], "no common seed")]
)
def test_too_little_in_common_is_not_tested(trials, tmp_path, seeds, why):
    others = [made_up_trial(tmp_path, "Other", seed, error=2.0) for seed in seeds]
    found = by_label(collect([*trials, *others], tmp_path, "Good"))["Other"].against
    assert (found.verdict, found.why_not) == ("not tested", why)
    assert math.isnan(found.p_corrected)
    assert by_label(collect([*trials, *others], tmp_path, "Good"))["Bad"].against.comparisons == 2
    files, printed = report(tmp_path, [*trials[::3], *others], "Good")
    for text in (files["Table"], files["LaTeX"], files["Report"], printed):
        assert "not tested" in text
        assert "not distinguishable" not in text


def test_the_reference_is_that_of_the_same_dataset(tmp_path):
    trials = [
        made_up_trial(tmp_path, model, seed, error=error, dataset=dataset, setting=setting)
        for model, dataset, setting, error in (
            ("A", "MOSI", "", 0.8),
            ("B", "MOSI", "", 0.6),
            ("A", "SIMS", "", 0.4),
            ("A", "SIMS", "rank=8", 0.6),
            ("B", "SIMS", "", 0.6),
        )
        for seed in range(3)
    ]
    rows = by_label(collect(trials, tmp_path, "A"))
    verdicts = {label: row.against and row.against.verdict for label, row in rows.items()}
    assert verdicts == {
        "A on MOSI": None,
        "B on MOSI": "better",
        "A on SIMS": None,
        "A (rank=8) on SIMS": "worse",
        "B on SIMS": "worse",
    }
    assert collect(trials, tmp_path, "A (rank=8)")[4].against.reference == "A (rank=8)"
    files, printed = report(tmp_path, trials, "A")
    for heading in ("\n## MOSI\n", "\n## SIMS\n", "\n### MOSI\n"):
        assert heading in files["Table"]
    assert "Title: SIMS" in printed
    assert files["LaTeX"].count("\\begin{tabular}") == 2
    assert "p corrected for 3 comparisons (Holm)" in files["LaTeX"]
    height = png_height(tmp_path / "comparison.png")
    report(tmp_path, trials[:6], "A")
    assert height > 1.5 * png_height(tmp_path / "comparison.png")  # a line a dataset


def test_a_report_is_drawn_where_the_mean_lies_beside_the_interval(tmp_path):
    # Of the test sets of two seeds, the easy half is common.
    trials = [made_up_trial(tmp_path, "A", seed, error=0.7) for seed in range(2)]
    for trial in trials:
        path = trial.folder(tmp_path) / PREDICTIONS_FILE
        frame = pd.read_parquet(path)
        errors = (frame["prediction"] - frame["label"]).abs()
        hard = errors > errors.median()
        frame.loc[hard, "id"] += f" of seed {trial.seed}"
        frame.to_parquet(path)
    (row,) = collect(trials, tmp_path)
    assert row.interval.high < row.metrics["MAE"].mean
    files, _ = report(tmp_path, trials)
    assert "A" in files["Table"]


def test_a_metric_that_a_seed_lacks_is_missing_in_the_row(trials, tmp_path):
    del trials[0].metrics["Corr"]
    rows = by_label(collect(trials, tmp_path))
    assert math.isnan(rows["Good"].metrics["Corr"].mean)
    assert math.isfinite(rows["Bad"].metrics["Corr"].mean)


def test_an_unknown_reference_is_refused_with_the_nearest(trials, tmp_path):
    with pytest.raises(ConfigError, match=r"bench.reference: 'God' is not in the table.*'Good'\?"):
        collect(trials, tmp_path, "God")


def test_a_row_that_failed_or_is_not_finite_is_not_compared(trials, tmp_path):
    failed = TrialResult("Fails", 0, "f", status="failed", error="NaN")
    undefined = [TrialResult("NaN", seed, "f", metrics={"MAE": math.nan}) for seed in range(3)]
    files, printed = report(tmp_path, [*trials, failed, *undefined], "Good")
    rows = by_label(collect([*trials, failed, *undefined], tmp_path, "Good"))
    assert rows["Fails"].against is None
    assert rows["NaN"].against.why_not == "MAE not finite"
    assert rows["NaN"].interval is None
    assert "| Fails | failed |" in files["Table"]
    for text in (*files.values(), printed):
        assert not re.search(r"\bnan\b", text.replace("'NaN'", ""))


def test_the_table_shows_intervals_comparisons_and_every_seed(trials, tmp_path):
    files, printed = report(tmp_path, trials, "Good")
    table = files["Table"]
    assert "| MAE | MAE 95 % interval |" in table
    assert "| against Good |" in table
    assert re.search(r"\| Bad \|.*\| \+0\.\d{3} \(p [<0-9. ]+\), worse \|", table)
    assert re.search(r"\| Good \|.*\| reference \|", table)
    _, seeds = table.split("## Every seed")
    for trial in trials:
        assert f"| {trial.model} | {trial.seed} | {trial.metrics['MAE']:.3f} |" in seeds
    assert "environment.packages.torch: 2.13" in seeds
    assert "paired test over seeds and test utterances, p corrected for 2 comparisons" in printed
    for name in ("table.md", "table.tex"):
        assert str(tmp_path / name) in printed
    content = json.loads(files["JSON"])
    assert [row["model"] for row in content["rows"]] == list(ERRORS)
    assert content["rows"][2]["against"]["verdict"] == "worse"


def test_without_a_reference_there_is_no_column_of_comparisons(trials, tmp_path):
    files, printed = report(tmp_path, trials)
    assert "against" not in files["Table"] + printed + files["LaTeX"]


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_terminal_table_fits_with_nothing_cut_off(trials, tmp_path, width):
    long = made_up_trial(tmp_path, "PGF-Net", 0, setting="model.block.adapter.bottleneck=32")
    _, printed = report(tmp_path, [*trials, long], "Good", width=width)
    tables, _ = printed.split("Mean ±")
    assert max(map(len, tables.splitlines())) <= width
    assert "…" not in printed
    verdicts = ("not distinguishable", "worse", "one common seed", "not tested")
    for whole in (*verdicts, "95 % interval", "23.00 M"):
        assert whole in tables


def test_published_numbers_stand_beside_and_count_nowhere(trials, tmp_path):
    published = [
        dict(model="Good", source="Their 50% paper", metrics=dict(MAE=0.1, Acc7=47.5, F1_non0=0.8))
    ]
    without = json.loads(report(tmp_path, trials, "Good")[0]["JSON"])
    files, printed = report(tmp_path, trials, "Good", published)
    row = next(line for line in files["Table"].splitlines() if line.startswith("| Good (paper) "))
    assert row.split(" | ")[1:6] == ["0.100", MISSING, MISSING, "47.5", f"{MISSING} / {MISSING}"]
    assert "80.0" in row
    for text in (files["Table"], printed):
        assert "Good (paper): as published in Their 50% paper; not measured here." in text
    assert json.loads(files["JSON"])["rows"] == without["rows"]
    body = files["LaTeX"].split("\\midrule")
    assert "Good (paper)" in body[2]
    assert "Their 50\\% paper" in body[0]


def test_a_name_in_the_latex_table_is_no_argument_of_the_rule_before(tmp_path):
    names = ("[ours] A", "*B", "C [x]")
    trials = [made_up_trial(tmp_path, name, seed) for name in names for seed in range(3)]
    lines = report(tmp_path, trials)[0]["LaTeX"].splitlines()
    rows = [line.partition(" & ")[0] for line in lines if line.endswith(r" \\")]
    assert rows[1:] == ["{}[ours] A", "{}*B", "C [x]"]


def test_the_latex_table_marks_failed_seeds_and_ends_its_sentences(tmp_path):
    note = "synthetic: audio and vision are made of the labels"
    trials = [made_up_trial(tmp_path, "A", seed, data={"note": note}) for seed in range(2)]
    trials += [made_up_trial(tmp_path, "B", 0), TrialResult("B", 1, "f", status="failed")]
    files, _ = report(tmp_path, trials)
    assert "B (1/2 seeds) & 0.7" in files["LaTeX"]
    assert "| B (1/2 seeds) | 0.7" in files["Table"]
    assert f"\\caption{{Title. {note}. Mean ± std over seeds 0, 1; " in files["LaTeX"]
    assert ".." not in files["LaTeX"]


def test_the_latex_table_is_balanced_escaped_and_bold_only_where_it_stands_out(tmp_path):
    names = {r"A_1 & {50%} \x ~^#$": 0.5, "B": 0.9}
    trials = [made_up_trial(tmp_path, n, s, error=e) for n, e in names.items() for s in range(3)]
    tex = report(tmp_path, trials)[0]["LaTeX"]
    name = r"A\_1 \& \{50\%\} \textbackslash{}x \textasciitilde{}\textasciicircum{}\#\$"  # as typed
    assert re.search(re.escape(name) + r" & \$\\mathbf\{0\.500 \\pm 0\.\d{3}\}\$ &", tex)
    assert tex.count("mathbf") == 1
    assert "Bold: better than every other row" in tex
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", tex)[1]
    lines = [line for line in tex.splitlines() if line.endswith(r" \\")]
    assert len(lines) == 3
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
        assert len(re.findall(r"(?<!\\)\$", line)) % 2 == 0
        assert len(re.findall(r"(?<!\\)\{", line)) == len(re.findall(r"(?<!\\)\}", line))
    for rule in ("\\toprule", "\\bottomrule", "\\begin{table*}", "\\end{table*}", "\\caption{"):
        assert tex.count(rule) == 1
    alike = [made_up_trial(tmp_path, n, s, error=0.5) for n in ("A", "B") for s in range(3)]
    assert "mathbf" not in report(tmp_path, alike)[0]["LaTeX"]
