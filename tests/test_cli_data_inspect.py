"""``pgf data inspect`` and ``pgf data validate``, called as a user calls them."""

import io
import json
import pickle
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from pgf_plugin.cli import main
from pgf_plugin.datasets.formats import read_table
from pgf_plugin.datasets.inspection import describe_table
from pgf_plugin.datasets.inspection.render import print_report

CONTENT = runpy.run_path(str(Path(__file__).parent / "datasets" / "mmsa_files.py"))["mmsa_content"]
MANY = 40


def content():
    """An MMSA file's content, with as many utterances a split as validation asks for."""
    splits = CONTENT(aligned=False)
    for name, split in splits.items():
        for key, values in split.items():
            split[key] = np.resize(values, (MANY, *np.shape(values)[1:]))
        split["id"] = [f"{name}{row // 5}$_${row % 5}" for row in range(MANY)]
        split["raw_text"] = [f"utterance {row} of {name}" for row in range(MANY)]
    return splits


@pytest.fixture
def write(tmp_path):
    def write_content(splits, name="file.pkl"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(splits))
        return str(path)

    return write_content


@pytest.fixture
def sound(write):
    return write(content())


def output(argv, capsys, code=0):
    assert main(["data", *argv]) == code
    return capsys.readouterr().out


def says(out, line):
    """Whether ``line`` is there, wrapped or not: the path of the file may be of any length."""
    return line in out or line in " ".join(out.split())


def test_inspect_prints_a_section_for_everything(sound, capsys):
    out = output(["inspect", sound], capsys)
    for line in (
        "120 utterances",
        "unknown file: no published hash",
        "train 40, valid 40, test 40",
        "Label, -3 to 3",
        "Vision, 20 features a step",
        "every id is unique",
        "videos, told by video$_$clip: train 8, valid 8, test 8",
        "no video is in several splits",
        "first (train0$_$0, label",
    ):
        assert says(out, line)
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("width", [24, 40, 80, 300])
def test_a_report_loses_nothing_on_a_narrow_console(width, write):
    splits = content()
    splits["train"]["raw_text"][0] = "这部电影很好看" * 5
    report = describe_table(read_table(write(splits)))
    console = Console(width=width, file=io.StringIO(), markup=False)
    print_report(report, console)
    out = console.file.getvalue()
    assert max(map(cell_len, out.splitlines())) <= width
    for text in (report.source, report.files[0].sha256, "这部电影很好看" * 5):
        assert text in re.sub(r"\s", "", out)


def test_inspect_prints_json(sound, capsys):
    report = json.loads(output(["inspect", sound, "--json"], capsys))
    assert report["columns"]["split"]["counts"] == {"train": 40, "valid": 40, "test": 40}
    assert len(report["files"][0]["sha256"]) == 64
    assert report["modalities"]["audio"]["splits"]["test"]["sequences"] == 40


def test_texts_cannot_steer_the_terminal_and_are_no_markup(write, capsys):
    splits = content()
    splits["train"]["raw_text"][0] = "[bold]a[/] \x1b[31mred\x07 :smile: \u202e"
    out = output(["inspect", write(splits)], capsys)
    assert "[bold]a[/] \N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER} :smile:" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_plots_are_drawn_on_request(sound, tmp_path, capsys):
    folder = tmp_path / "plots"
    assert main(["data", "validate", sound, "--plots", str(folder)]) == 0
    names = ["labels.png", "lengths.png", "content.png", "scale.png"]
    told = capsys.readouterr().err.splitlines()
    assert told == [f"wrote {folder / name}" for name in names]
    assert all((folder / name).stat().st_size for name in names)


def test_a_table_of_labels_alone_is_inspected_and_drawn(tmp_path, capsys):
    path = tmp_path / "labels.npz"
    np.savez(path, id=["a", "b"], label=[0.5, 7.0], split=["train", "test"])
    assert main(["data", "inspect", str(path), "--json", "--plots", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["labels"]["label"]["scale"] == "0.5 to 7"
    assert captured.err == f"wrote {tmp_path / 'labels.png'}\n"


def test_validate_says_that_a_sound_file_is_sound(sound, capsys):
    argv = ["validate", sound, "--feature-dims", "audio=5,vision=20", "--label-range", "-3", "3"]
    assert output(argv, capsys) == f"{sound}: sound\n"


def test_validate_lists_everything_and_ends_with_1(write, capsys):
    splits = content()
    splits["train"]["audio"][3, 0] = np.nan
    splits["test"]["id"][0] = splits["test"]["id"][1]
    splits["valid"]["raw_text"][2] = " "
    argv = ["validate", write(splits), "--feature-dims", "vision=35", "--label-range", "-1", "1"]
    out = output(argv, capsys, code=1)
    for line in (
        "error   audio, train: NaN in 1 step of 1 utterance",
        "        first: train0$_$3",
        "error   ids: 1 id of several utterances",
        "warning texts, valid: 1 text empty",
        "error   vision: 20 features a step, expected 35",
        "error   label, test: ",
        "        do: add the transcripts",
        ": 6 errors, 1 warning",
    ):
        assert says(out, line)


@pytest.mark.parametrize("name", ["audio", "vision"])
def test_lengths_that_are_too_short_are_told_by_every_command(name, write, tmp_path, capsys):
    splits = content()
    lengths = np.array(splits["train"][f"{name}_lengths"])
    splits["train"][f"{name}_lengths"] = (lengths // 3).tolist()
    file = write(splits)
    lost = int((lengths > lengths // 3).sum())
    longest = f"at most {lengths.max()} instead of {lengths.max() // 3} steps"
    told = f"{name}, train: {lost} utterances with values beyond the length that the file tells"
    out = output(["validate", file], capsys)
    assert says(out, f"warning {told}")
    assert says(out, longest)
    assert says(out, "another modality or frame rate?")
    line = f"values beyond their lengths, which are not read: train {lost}"
    assert says(output(["inspect", file], capsys), line)
    out = output(["convert", file, str(tmp_path / "store")], capsys)
    assert says(out, f"warning: {told}")


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.arange(MANY) % 3, "warning: label: every label is a whole number from 0 to 2"),
        (np.linspace(1, 2, MANY), "warning: label: no label is negative, they lie from 1 to 2"),
        (np.linspace(-1, 1, MANY), "test_evaluator = dict(type='MSAMetric', scale='sims')"),
        (np.linspace(-3, 3, MANY), None),
    ],
)
def test_convert_tells_labels_that_need_another_scale(labels, told, write, tmp_path, capsys):
    splits = content()
    for split in splits.values():
        split["regression_labels"] = labels.astype(np.float32)
    out = output(["convert", write(splits), str(tmp_path / "store")], capsys)
    assert (told or "feature_dims") in out
    assert ("warning" in out or "evaluator" in out) == (told is not None)


def test_names_that_mean_one_split_are_told(write, tmp_path, capsys):
    splits = content()
    splits["dev"] = splits["valid"] | {"id": [f"dev{row}$_$0" for row in range(MANY)]}
    file, told = write(splits), f"'dev' ({MANY}) and 'valid' ({MANY}) are read as one split, val"
    assert says(output(["validate", file], capsys), told)
    assert told in output(["convert", file, str(tmp_path / "store")], capsys)


def test_features_that_bert_has_of_padding_are_no_lost_steps(write, tmp_path, capsys):
    splits = content()
    for split in splits.values():
        split["text"] = np.ones_like(split["text"])
    assert output(["validate", write(splits)], capsys).count("beyond") == 0


def test_validate_ends_with_0_where_there_are_only_warnings(write, capsys):
    splits = content()
    splits["valid"]["raw_text"][2] = " "
    found = json.loads(output(["validate", write(splits), "--json"], capsys))
    assert (found["errors"], found["warnings"]) == (0, 1)
    assert found["problems"][0]["first"] == ["valid0$_$2"]


@pytest.mark.parametrize(
    ("splits", "code"), [(["train", "valid"], 0), (["train", "dev", "test"], 1)]
)
def test_validate_knows_which_splits_must_be_there(splits, code, write, capsys):
    parts = content()
    del parts["test"]
    output(["validate", write(parts), "--splits", *splits], capsys, code)


def test_a_file_that_its_reader_refuses_is_one_problem(write, capsys):
    splits = content()
    splits["test"]["audio_lengths"][3] = 999
    out = output(["validate", write(splits)], capsys, code=1)
    assert "error   file: " in out
    assert "lie beyond the array" in " ".join(out.split())
    truncated = Path(write(splits, "cut.pkl"))
    truncated.write_bytes(truncated.read_bytes()[:-500])
    found = json.loads(output(["validate", str(truncated), "--json"], capsys, code=1))
    assert found["errors"] == 1
    assert "truncated" in found["problems"][0]["what"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split-column", "splt"], "must be one of 'split', got 'splt'"),
        (["--label-range", "3", "-3"], "--label-range must be LOW HIGH, LOW < HIGH"),
        (["--option", "nosuch=1"], "nosuch"),
        (["--format", "mmsq"], "got 'mmsq'. Did you mean 'mmsa'?"),
    ],
)
def test_what_the_user_got_wrong_is_no_problem_of_the_file(options, message, sound, capsys):
    assert main(["data", "validate", sound, *options]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("dims", ["audio", "audio=", "audio=0", "audio=-5", "smell=3", "audio=5;"])
def test_feature_dims_that_cannot_be_read_are_refused(dims, sound, capsys):
    with pytest.raises(SystemExit):
        main(["data", "validate", sound, "--feature-dims", dims])
    assert "NAME=D" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["data", "inspect", str(tmp_path / "none.pkl")]) == 1
    assert f"{tmp_path / 'none.pkl'}" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["inspect", "validate"])
def test_what_is_not_there_is_told_without_options_that_there_are_not(action, tmp_path, capsys):
    assert main(["data", action, str(tmp_path / "nope.pkl")]) == 1
    told = capsys.readouterr().err
    assert f"there is no file or folder {tmp_path / 'nope.pkl'}" in told
    assert "--data-root" not in told
