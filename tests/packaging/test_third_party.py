"""The example of a third-party plugin, installed into a fresh environment."""

import json
import shutil

import pytest

SMALL = (
    *("train_cfg.max_epochs=1", "train_dataloader.dataset.num_samples=32"),
    *("val_dataloader.dataset.num_samples=16", "test_dataloader.dataset.num_samples=16"),
)


@pytest.mark.slow
def test_a_third_party_model_is_found_and_trains_in_the_same_bench(
    wheels, wheel_of, environment_with, run, root, tmp_path
):
    plugin = tmp_path / "third_party_plugin"
    shutil.copytree(root / "examples" / "third_party_plugin", plugin)
    environment = environment_with(wheels["wheel"], wheel_of(plugin))
    pgf = environment / "bin" / "pgf"

    (listed,) = [
        line for line in run(pgf, "list", cwd=tmp_path).splitlines() if "MeanFusionNet" in line
    ]
    assert "mean-fusion-plugin" in listed

    table = run(
        *(pgf, "bench", plugin / "compare.py", "--work-dir", tmp_path / "run", "--seeds", 0),
        *("--cfg-options", *SMALL),
        cwd=tmp_path,
    )
    assert "Mean fusion" in table
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    trials = {trial["model"]: trial for trial in results["trials"]}
    assert list(trials) == ["PGF-Net", "Mean fusion", "Text only"]
    for trial in trials.values():
        assert trial["status"] == "finished"
        assert 0 < trial["metrics"]["MAE"] < 6
    shutil.rmtree(tmp_path / "run")
