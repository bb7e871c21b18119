"""The folder of a bench: whose it is, and what is done with what cannot be read there."""

import json
import re

import pytest
from killed_benches import BenchCommand

from pgf_plugin.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> BenchCommand:
    bench = BenchCommand(tmp_path_factory.mktemp("finished"), "train_cfg.update(max_epochs=1)\n")
    assert bench()[0] == 0
    return bench


def run(finished: BenchCommand, capsys, *options: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([*finished.argv, *options])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.slow
def test_more_seeds_models_and_another_title_go_on(finished, capsys):
    code, out, _ = run(finished, capsys, "--seeds", "0", "1")
    assert code == 0
    assert out.count("finished before") == 2
    code, out, _ = run(finished, capsys, "--cfg-options", "bench.title=Renamed")
    assert code == 0
    assert out.count("finished before") == 2
    assert json.loads((finished.work_dir / "bench.json").read_text())["title"] == "Renamed"


def test_the_folder_of_another_bench_is_refused(finished, capsys):
    before = (finished.work_dir / "bench.json").read_text()
    other = ("--cfg-options", "bench.title=Other", "optim_wrapper.optimizer.lr=0.5")
    code, _, err = run(finished, capsys, *other)
    assert code == 1
    assert f"work_dir {finished.work_dir} is that of another bench, " in err
    assert "give another folder (--work-dir DIR)" in err
    assert (finished.work_dir / "bench.json").read_text() == before


def test_finished_trials_that_were_not_asked_for_are_named_beside_the_table(finished, capsys):
    code, out, _ = run(finished, capsys, "--models", "Last")
    assert code == 0
    # Other tests of this folder may have finished more.
    told = re.search(r"finished trials? of this folder \w+ not in the table, .*: .*", out)[0]
    assert "Mean, seed 0" in told
    assert told in (finished.work_dir / "table.md").read_text()
    assert "Mean, seed 0; " not in run(finished, capsys)[1]


@pytest.mark.parametrize("file", ["bench.json", "Mean/seed_0/result.json"])
def test_what_a_later_version_wrote_is_refused(finished, capsys, file):
    path = finished.work_dir / file
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), "schema_version": 99, "new": 1}))
    code, _, err = run(finished, capsys)
    path.write_text(before)
    assert code == 1
    assert f"{path} has schema version 99, and pgf_plugin" in err
    assert "pip install --upgrade pgf-plugin" in err


def test_a_damaged_bench_file_is_set_aside(finished, capsys):
    path = finished.work_dir / "bench.json"
    path.write_text("{")
    code, out, _ = run(finished, capsys)
    assert code == 0
    (aside,) = finished.work_dir.glob("bench.json.corrupt-*")
    assert f"{aside}: was damaged" in out
    assert out.count("finished before") == 2
    assert len(json.loads(path.read_text())["trials"]) == 2
