import json
from pathlib import Path

import pytest
from forked import run_script

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "alignment.py"


def test_benchmark_compares_both_sides(tmp_path):
    pytest.importorskip("mmsdk", reason="needs mmsdk: pip install pgf-plugin[mmsdk]")
    out = tmp_path / "alignment.json"
    printed = run_script(SCRIPT, "--quick", "--repeats", 1, "--out", out)
    rows = json.loads(out.read_text())
    assert [row["task"].split(",")[0] for row in rows] == [
        "align to labels",
        "align to words",
        "files to labels",
        "files to labels",
    ]
    assert all(row["mmsdk"] > 0 < row["ours"] for row in rows)
    assert "| tiny | align to labels, " in printed
