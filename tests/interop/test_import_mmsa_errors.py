"""``pgf import-mmsa``: what cannot be evaluated ends in an error that says why."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from mmsa_reference import mmsa_model
from mmsa_runs import write_features

from pgf_plugin.cli import main


@pytest.fixture(scope="module")
def states(bert):
    """State dicts of MMSA's models, by name."""
    names = ("mult", "misa", "tfn", "lf_dnn", "mfn")
    return {name: mmsa_model(name, bert).state_dict() for name in names}


@pytest.fixture
def features(bert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_features(tmp_path / "features.pkl", bert)


@pytest.fixture
def error(features, capsys):
    """Calls the command with a checkpoint that must be refused; what it says."""

    def call(state, *arguments, file="mult-mosi.pth"):
        torch.save(state, file)
        code = main(["import-mmsa", file, "--data-file", str(features), *arguments])
        printed = capsys.readouterr()
        assert code == 1
        assert "Traceback" not in printed.err
        assert "MAE" not in printed.out
        return printed.err

    return call


@pytest.mark.slow
def test_missing_and_surplus_names_are_listed(states, error):
    state = dict(states["mult"])
    del state["Model.out_layer.bias"], state["Model.trans_l_with_a.layers.1.fc1.weight"]
    told = error(state)
    assert "2 missing in the file: branches.text.streams.audio.layers.1.feedforward.0" in told
    assert "head.out.bias" in told
    told = error(states["mult"] | {"Model.new.weight": torch.zeros(1)})
    assert "no state dict of MMSA's 'mult'" in told
    assert "1 unknown: new.weight" in told


def test_another_version_is_told_by_its_names(states, error):
    renamed = {
        name.replace("bertmodel.model.", "bertmodel.bert."): value
        for name, value in states["misa"].items()
        if "vrnn2" not in name
    }
    told = error(renamed)
    assert "2 missing: bertmodel.model.…, vrnn2.…" in told
    assert "unknown: bertmodel.bert.embeddings" in told
    assert "a checkpoint of MMSA 2.2.1" in told


@pytest.mark.parametrize("name", ["lf_dnn", "mfn"])
def test_models_that_are_not_converted_are_told_where_they_run(name, states, error):
    told = error(states[name])
    assert "that can be converted" in told
    assert "LF-DNN, MFN and Graph-MFN are MMSAModel here" in told


def test_another_model_than_the_one_named(states, error):
    told = error(states["misa"], "--model", "mult")
    assert "12 missing: trans_l_with_a.…" in told
    assert "unknown: alayer_norm.bias" in told
    told = error(states["mult"], "--config", "tfn_mmsa_mosi_unaligned")
    assert "model.type is 'TFN', but the checkpoint is one of a MulT" in told


def test_a_config_without_a_test(states, error):
    Path("mine.py").write_text("model = dict(type='MulT')\n")
    told = error(states["mult"], "--config", "mine.py")
    assert "test_dataloader" in told


@pytest.mark.slow
def test_other_sizes_than_those_of_the_settings(states, error):
    told = error(states["mult"], "--dataset", "mosei")
    assert "of another shape in the file: branches.audio.memory" in told
    assert "(100,) instead of (60,)" in told
    assert "give --dataset" in told


@pytest.mark.parametrize(
    ("dims", "reads"),
    [((768, 74, 20), "74 audio features a step"), ((300, 5, 20), "300 text features a step")],
)
def test_features_of_other_widths_than_the_checkpoint_reads(dims, reads, bert, error):
    told = error(mmsa_model("mult", bert, feature_dims=list(dims)).state_dict())
    assert f"the checkpoint reads {reads}, but" in told
    assert "features.pkl has" in told


@pytest.mark.parametrize("lacking", ["text", "audio", "vision"])
def test_data_without_a_modality(lacking, states, error, features):
    content = pickle.loads(features.read_bytes())
    for split in content.values():
        del split[lacking]
        split.pop(f"{lacking}_lengths", None)
    features.write_bytes(pickle.dumps(content))
    told = error(states["mult"])
    assert f"features.pkl has no {lacking} features, which the checkpoint needs" in told


@pytest.mark.slow
def test_sequences_shorter_than_a_kernel(states, error, features, bert):
    write_features(features, bert, lengths=(12, 3, 30))
    assert "sequences of 3 steps are shorter than the convolution's kernel, 5" in error(
        states["mult"]
    )


class MakesAFolder:
    def __reduce__(self):
        return os.mkdir, ("canary",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"Model.proj_l.weight": MakesAFolder()}, "would run 'posix.mkdir'"),
        ([torch.zeros(1)], "holds list, no state dict"),
        ({"epoch": 3}, "'epoch' in its state dict is no tensor"),
        ({"conv1.weight": torch.zeros(2)}, "its names are those of no model that can be converted"),
        ({}, "its names are those of no model that can be converted"),
    ],
)
def test_what_is_no_checkpoint_of_mmsa(content, message, error):
    assert message in error(content)
    assert not Path("canary").exists()


def test_a_hostile_feature_file_and_files_that_are_not_there(states, error, features, capsys):
    features.write_bytes(pickle.dumps(MakesAFolder()))
    assert "the pickle asks for posix.mkdir" in error(states["mult"])
    assert not Path("canary").exists()
    assert "none.pkl: there is no such file" in error(states["mult"], "--data-file", "none.pkl")
    Path("text.pth").write_text("no weights")
    for file, message in (("text.pth", "is no checkpoint"), ("none.pth", "no such file")):
        assert main(["import-mmsa", file, "--data-file", str(features)]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_bert_whose_tokenizer_is_not_at_hand(states, error):
    told = error(states["misa"])
    assert "--encoder" in told
