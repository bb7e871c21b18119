"""``pgf import-mmsa``: a checkpoint of MMSA gives here what MMSA's own trainer measures."""

import pickle
import re
from pathlib import Path

import pytest
from fresh import forget_mmengine
from mmsa_reference import let_mag_bert_load
from mmsa_runs import mmsa_metrics, write_checkpoint, write_features

from pgf_plugin.cli import main

WITH_BERT = ("bert_mag", "misa", "self_mm")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def features(bert, tmp_path_factory):
    """A feature file of MMSA where the shipped configs look for one."""
    folder = tmp_path_factory.mktemp("mosi")
    write_features(folder / "aligned_50.pkl", bert, (12, 12, 12))
    return write_features(folder / "unaligned_50.pkl", bert)


def run(capsys, *arguments):
    """Run the command; what it printed."""
    assert main(["import-mmsa", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def metrics_of(printed):
    found = re.findall(r"^  (\w+) +(-?[\d.]+)$", printed, re.M)
    return {name: float(value) for name, value in found}


def close_to(metrics):
    """MMSA rounds to four decimals, and so does the table."""
    return pytest.approx(metrics, abs=1.01e-4)


@pytest.mark.parametrize("name", ["mult", "misa", "tfn", "lmf", "self_mm"])
def test_the_metrics_are_mmsas(name, bert, features, capsys):
    model = write_checkpoint(f"{name}-mosi.pth", name, bert)
    encoder = ["--encoder", bert] if name in WITH_BERT else []
    printed = run(capsys, f"{name}-mosi.pth", "--data-root", features.parent, *encoder)
    assert f"MMSA's '{name}'" in printed
    assert "9 test utterances" in printed
    assert "note:" not in printed
    assert metrics_of(printed) == close_to(mmsa_metrics(name, model, bert, features))


def test_the_metrics_of_mag_bert_are_mmsas(bert, features, capsys, monkeypatch):
    folder = Path.cwd()
    let_mag_bert_load(monkeypatch, bert)
    settings = dict(language="en", seq_lens=(12, 12, 12))
    model = write_checkpoint(folder / "bert_mag-mosi.pth", "bert_mag", bert, **settings)
    monkeypatch.chdir(folder)
    printed = run(capsys, "bert_mag-mosi.pth", "--data-root", features.parent, "--encoder", bert)
    aligned = features.with_name("aligned_50.pkl")
    assert metrics_of(printed) == close_to(mmsa_metrics("bert_mag", model, bert, aligned))


def test_mult_with_its_bert_is_told_by_its_names(bert, features, capsys):
    settings = dict(use_bert=True, use_finetune=True)
    model = write_checkpoint("any_name.pth", "mult", bert, **settings)
    printed = run(capsys, "any_name.pth", "--data-root", features.parent, "--encoder", bert)
    assert "left out, because MMSA never trains them: text_model.model.pooler" in printed
    expected = mmsa_metrics("mult", model, bert, features, **settings)
    assert metrics_of(printed) == close_to(expected)


@pytest.mark.parametrize(
    ("file", "dataset", "option"),
    [
        ("misa-mosei.pth", "mosei", []),
        ("tfn-sims.pth", "sims", []),
        ("lmf-sims-1111.pth", "sims", []),
        ("best.pth", "sims", ["--dataset", "sims"]),
    ],
)
def test_the_settings_are_those_of_the_data_set(file, dataset, option, bert, capsys):
    name = "mult" if file == "best.pth" else file.partition("-")[0]
    dims = {"mosei": (768, 74, 35), "sims": (768, 33, 709)}[dataset]
    data = f"unaligned_{50 if dataset == 'mosei' else 39}.pkl"
    write_features(Path(data), bert, dims=dims, bound=3.0 if dataset == "mosei" else 1.0)
    settings = dict(dataset=dataset, feature_dims=list(dims))
    model = write_checkpoint(file, name, bert, **settings)
    encoder = ["--encoder", bert] if name in WITH_BERT else []
    printed = run(capsys, file, "--data-root", ".", *encoder, *option)
    assert f"{name}_mmsa_{dataset}_unaligned" in printed
    assert metrics_of(printed) == close_to(mmsa_metrics(name, model, bert, data, **settings))


def test_features_of_ones_own_and_a_second_run_of_what_was_written(bert, capsys):
    dims, lengths = (300, 25, 177), (14, 33, 21)
    write_features(Path("mine.pkl"), bert, lengths, dims)
    model = write_checkpoint("tfn-mosi.pth", "tfn", bert, feature_dims=list(dims))
    printed = run(capsys, "tfn-mosi.pth", "--data-file", "mine.pkl", "--out", "tfn.safetensors")
    expected = mmsa_metrics("tfn", model, bert, "mine.pkl", feature_dims=list(dims))
    assert metrics_of(printed) == close_to(expected)
    command = re.search(r"^wrote tfn.safetensors, for: pgf (.*)$", printed, re.M)[1]
    forget_mmengine()  # another command is another process
    assert main(command.split()) == 0
    assert metrics_of(capsys.readouterr().out) == metrics_of(printed)


def test_texts_with_other_tokens_are_told(bert, features, capsys):
    write_checkpoint("misa-mosi.pth", "misa", bert)
    content = pickle.loads(features.read_bytes())
    content["test"]["raw_text"][:2] = "word1 word2 word3"
    Path("other.pkl").write_bytes(pickle.dumps(content))
    printed = run(capsys, "misa-mosi.pth", "--data-file", "other.pkl", "--encoder", bert)
    assert "note: 2 of 9 texts have other tokens in the feature file" in printed


def test_the_help_has_the_command_that_users_need(capsys):
    with pytest.raises(SystemExit):
        main(["import-mmsa", "--help"])
    printed = capsys.readouterr().out
    assert "saved_models/mult-mosi.pth --data-root DIR" in printed
    assert "--dataset {mosi,mosei,sims}" in printed
