"""``--cfg-options``: what a value on the command line means."""

import argparse

import pytest
from mmengine.config import Config

from pgf_plugin.cli import main
from pgf_plugin.cli.overrides import ReaderOptions

CONFIG = "pgf_net_minilm_synthetic"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 0.001),
        ("None", None),
        ("true", True),
        ("1,2", [1, 2]),
        ("[a,b]", ["a", "b"]),
        ("(1,2)", (1, 2)),
        ("'query: '", "query: "),
        ("['audio', 'vision']", ["audio", "vision"]),
        ("it's", "it's"),
        ("{split}.csv", "{split}.csv"),
        ("(1,2),['a',3]", [(1, 2), ["a", 3]]),
        ("'a',", ["a"]),
        ("{'audio': 0.5}", {"audio": 0.5}),
        ("[dict(type='ShuffleSteps')]", [{"type": "ShuffleSteps"}]),
        ("{'a b': dict(c=[float('1'), -1])}", {"a b": {"c": [1.0, -1]}}),
    ],
)
def test_values(text, value, capsys, tmp_path):
    assert main(["config", "show", CONFIG, "--cfg-options", f"model.given={text}"]) == 0
    shown = tmp_path / "shown.py"
    shown.write_text(capsys.readouterr().out)
    given = Config.fromfile(shown).model.given
    assert given == value
    assert type(given) is type(value) or isinstance(value, dict)


def test_infinite_decibels_are_written_so_that_they_can_be_read(capsys, tmp_path):
    assert main(["config", "show", CONFIG, "--cfg-options", "data.planted.snr_db=-inf"]) == 0
    shown = tmp_path / "shown.py"
    shown.write_text(capsys.readouterr().out)
    assert Config.fromfile(shown).data.planted.snr_db == "-inf"


@pytest.mark.parametrize(
    "text",
    [
        "{'a': dict(b)}",
        "[dict(type=ShuffleSteps)]",
        "{'a': open('x')}",
        "[1,2",
        "{'a': 1",
        "{['a']: 1}",
        "{'a': float(None)}",
        "['a b',true]",
    ],
)
def test_what_cannot_be_read_is_told_with_how_it_is_written(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["config", "show", CONFIG, "--cfg-options", f"model.given={text}"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert f"model.given={text}: " in told
    assert "A value is written as in a config" in told


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("label_column=my label", "my label"),
        ("audio_file=my data/v1, all.pkl", "my data/v1, all.pkl"),
        ("label_column=valence, arousal", ["valence", "arousal"]),
        ("label_column=['a, b']", ["a, b"]),
        ("id_column=0", 0),
        ("word_shift=1", 1),
        ("separator=,", ","),
        ("separator=", ""),
        ("paths_anywhere=True", True),
        ("paths_anywhere=false", False),
        ("folds={'train': ['a', 'b']}", {"train": ["a", "b"]}),
        ("version=1.5", "1.5"),
    ],
)
def test_options_of_readers_are_text_as_it_stands(option, value):
    parser = argparse.ArgumentParser()
    parser.add_argument("--option", nargs="+", action=ReaderOptions)
    assert parser.parse_args(["--option", option]).option == {option.split("=")[0]: value}
