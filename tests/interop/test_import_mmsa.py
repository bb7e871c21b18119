"""``pgf import-mmsa``: a checkpoint of MMSA gives here what MMSA's own trainer measures."""

import re

import pytest
import torch
from mmsa_reference import DIMS, LENGTHS, let_mag_bert_load
from mmsa_runs import mmsa_metrics, write_checkpoint, write_features

from pgf_plugin.cli import main

SETTINGS = {"bert_mag": dict(language="en"), "mult": dict(use_bert=False)}
WITH_BERT = ("bert_mag", "misa", "self_mm")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    pytest.importorskip("MMSA", reason="MMSA is not installed (extra 'mmsa')")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def features(bert, tmp_path_factory):
    """A feature file of MMSA where the shipped configs look for one."""
    return write_features(tmp_path_factory.mktemp("mosi") / "unaligned_50.pkl", bert)


def printed_metrics(text):
    return {name: float(value) for name, value in re.findall(r"^  (\w+) +(-?[\d.]+)$", text, re.M)}


def assert_metrics_equal(printed, expected):
    assert printed_metrics(printed) == pytest.approx(expected, abs=1.01e-4)


@pytest.mark.parametrize("name", ["mult", "misa", "tfn", "lmf", "self_mm"])
def test_the_metrics_are_mmsas(name, bert, features, capsys):
    settings = SETTINGS.get(name, {})
    model = write_checkpoint(f"{name}-mosi.pth", name, bert, **settings)
    encoder = ["--encoder", bert] if name in WITH_BERT else []
    command = ["import-mmsa", f"{name}-mosi.pth", "--data-root", str(features.parent), *encoder]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert f"MMSA's '{name}'" in printed
    assert "note:" not in printed
    assert_metrics_equal(printed, mmsa_metrics(name, model, bert, features, **settings))
