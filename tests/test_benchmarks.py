"""The benchmarks run, small, and print what they promise."""

import json
from pathlib import Path

import pytest
from forked import run_script

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
