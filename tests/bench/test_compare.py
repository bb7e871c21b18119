"""``pgf bench compare``: two result folders side by side."""

import json

import pytest
from made_up import made_up_trial, write_results

from pgf_plugin.bench import TrialResult
from pgf_plugin.cli import main


@pytest.fixture
def folders(tmp_path):
    """Two benches: model Same is equal in both, Better gained, and each has a model of its own."""
    first, second = tmp_path / "one", tmp_path / "two"
    gpu = {"device": "cuda", "packages": {"torch": "2.14"}}
    for folder, better, own, seeds, more in (
        (first, 0.8, "Old", (0, 1, 2), {}),
        (second, 0.6, "New", (0, 1, 2, 3), {"environment": gpu, "fingerprint": "g"}),
    ):
        trials = [
            made_up_trial(folder, model, seed, error=error, **more)
            for model, error in (("Same", 0.7), ("Better", better), (own, 0.5))
            for seed in seeds
        ]
        write_results(folder, trials)
    return str(first), str(second)


def compared(capsys, *arguments):
    assert main(["bench", "compare", *arguments]) == 0
    return capsys.readouterr().out


def test_common_rows_are_tested_on_what_both_have(folders, capsys):
    content = json.loads(compared(capsys, *folders, "--json"))
    rows = {row["model"]: row for row in content["common"]}
    assert list(rows) == ["Same", "Better"]
    assert content["only_first"] == ["Old"]
    assert content["only_second"] == ["New"]
    better = rows["Better"]
    assert better["metrics"]["MAE"]["difference"] == pytest.approx(-0.2, abs=1e-4)
    test = better["mae_test"]
    assert test["verdict"] == "better"
    assert (test["seeds"], test["utterances"], test["comparisons"]) == (3, 200, 2)
    assert test["low"] < test["difference"] < test["high"] < 0
    assert rows["Same"]["mae_test"]["p"] == 1
    assert rows["Same"]["mae_test"]["verdict"] == "not distinguishable"
    assert rows["Same"]["provenance"] == {
        "fingerprint": [["f", "g"]],
        "environment.device": [["cpu", "cuda"]],
        "environment.packages.torch": [["2.13", "2.14"]],
    }


def test_the_other_way_round_every_sign_is_the_other(folders, capsys):
    there = json.loads(compared(capsys, *folders, "--json"))["common"][1]
    back = json.loads(compared(capsys, *reversed(folders), "--json"))["common"][1]
    assert back["mae_test"]["verdict"] == "worse"
    assert back["mae_test"]["p"] == pytest.approx(there["mae_test"]["p"])
    for name, found in there["metrics"].items():
        assert back["metrics"][name]["difference"] == pytest.approx(-found["difference"])


def test_the_text_names_rows_tests_and_what_differs(folders, capsys):
    printed = compared(capsys, *folders)
    for line in (
        "only in A: Old",
        "only in B: New",
        "  environment.packages.torch: 2.13 -> 2.14",
        "  config or data files (fingerprint)",
    ):
        assert line in printed.splitlines()
    better = next(line for line in printed.splitlines() if line.strip().startswith("Better "))
    assert better.split()[:5] == ["Better", "MAE", "0.800", "0.600", "-0.200"]
    assert better.rstrip().endswith("better")
    assert "common seeds and test utterances" in printed
    assert "nan" not in printed


def test_a_bench_against_itself_differs_in_nothing(folders, capsys):
    printed = compared(capsys, folders[0], folders[0])
    assert "only in" not in printed
    assert "stand on the same config, data, versions and device" in printed
    assert " better" not in printed.replace("B is better", "")


def test_rows_that_failed_in_one_and_benches_with_nothing_in_common(tmp_path, folders, capsys):
    (tmp_path / "failed").mkdir()
    (tmp_path / "other").mkdir()
    failed = [TrialResult("Same", 0, "f", status="failed", error="NaN")]
    third = str(write_results(tmp_path / "failed", failed))
    line = next(each for each in compared(capsys, folders[0], third).splitlines() if "Same" in each)
    assert line.split() == ["Same", "finished", "failed"]
    other = str(write_results(tmp_path / "other", [TrialResult("X", 0, "", status="failed")]))
    assert "no row in common" in compared(capsys, third, other)


def test_benches_without_a_common_seed_are_not_said_to_stand_on_the_same(tmp_path, capsys):
    benches = []
    for name, seed in (("one", 0), ("two", 1)):
        trial = made_up_trial(tmp_path / name, "Same", seed, error=0.7)
        benches.append(str(write_results(tmp_path / name, [trial])))
    printed = compared(capsys, *benches)
    assert "No seed of a row is finished in both" in printed
    assert "stand on the same" not in printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is no folder of a bench: it has no results.json"),
        ('{"schema_version": 1, "tri', "is damaged (JSONDecodeError"),
        ("[]", "is damaged"),
        ('{"schema_version": 1, "trials": [{"model": "A"}]}', "is damaged"),
        ('{"schema_version": 1, "trials": ["A"]}', "is damaged"),
        ('{"schema_version": 99, "trials": []}', "schema version 99, and this pgf_plugin reads"),
    ],
)
def test_a_folder_that_cannot_be_compared_ends_in_one_line(
    folders, tmp_path, capsys, text, message
):
    bad = tmp_path / "bad"
    bad.mkdir()
    if text is not None:
        (bad / "results.json").write_text(text)
    assert main(["bench", "compare", folders[0], str(bad)]) == 1
    told = capsys.readouterr().err
    assert told.startswith("pgf bench compare: error: ")
    assert str(bad) in told
    assert message in told


def test_the_two_words_are_a_command_and_a_config_of_that_name_is_reached(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "compare", "--help"])
    assert "usage: pgf bench compare [-h] [--json] A B" in capsys.readouterr().out
    assert main(["bench", "./compare"]) == 1
    assert "config './compare' is neither a file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "bench-compare" not in capsys.readouterr().out
