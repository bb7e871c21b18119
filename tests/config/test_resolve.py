"""Configs by path and by name, and copies that run by themselves."""

import ast

import pytest
from mmengine.config import Config

from pgf_plugin.config import config_root, copy_config, find_config, list_configs
from pgf_plugin.errors import ConfigError

DEFAULT = "pgf_net/pgf_net_bert-base_mosi.py"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        DEFAULT,
        DEFAULT.removesuffix(".py"),
        f"configs/{DEFAULT}",
        "pgf_net_bert-base_mosi",
        "pgf_net_bert-base_mosi.py",
    ],
)
def test_a_shipped_config_is_found_by_its_name(name):
    assert find_config(name) == config_root() / DEFAULT


def test_a_file_comes_before_a_shipped_config_of_the_same_name(tmp_path):
    own = tmp_path / DEFAULT
    own.parent.mkdir()
    own.write_text("model = dict(type='PGFNet')\n")
    assert find_config(DEFAULT).resolve() == own
    assert find_config(DEFAULT.removesuffix(".py")).resolve() == own


@pytest.mark.parametrize("name", ["pgf_net/pgf_net_bert-base_mozi", "pgf_net_bert_base_mosi.py"])
def test_an_unknown_name_is_answered_by_the_nearest(name):
    with pytest.raises(ConfigError, match=r"(?s)neither a file.*pgf_net_bert-base_mosi.*list"):
        find_config(name)


def test_every_config_is_listed_and_no_base():
    names = list_configs()
    assert DEFAULT in names
    assert "bench/quickstart.py" in names
    assert not [name for name in names if "_base_" in name]
    assert len(names) >= 70


@pytest.mark.parametrize("name", list_configs())
def test_a_copy_means_the_same_as_the_original(name, tmp_path):
    files = copy_config(name, tmp_path / "mine")
    assert files[0] == tmp_path / "mine" / name
    copied, original = (Config.fromfile(path).to_dict() for path in (files[0], find_config(name)))
    assert copied == original


def test_copies_share_their_base_files_and_keep_what_was_edited(tmp_path):
    names = [name for name in list_configs() if name.endswith("_minilm_synthetic.py")]
    folder = tmp_path / "mine"
    first = copy_config(names[0], folder)
    copy_config(names[1], folder)
    first[1].write_text("# edited\n")
    with pytest.raises(FileExistsError, match=f"(?s){first[1].name}.*--force"):
        copy_config(names[0], folder)
    assert first[1].read_text() == "# edited\n"
    copy_config(names[0], folder, force=True)
    assert first[1].read_text() != "# edited\n"


def test_a_config_is_not_copied_onto_itself(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    with pytest.raises(FileExistsError, match="onto itself"):
        copy_config("mine.py", tmp_path, force=True)
    assert (tmp_path / "mine.py").read_text() == "x = 1\n"


def test_a_pure_python_config_is_copied_with_what_it_reads(tmp_path):
    source = tmp_path / "source"
    (source / "_base_").mkdir(parents=True)
    (source / "runs").mkdir()
    (source / "_base_" / "schedule.py").write_text("max_epochs = 3\n")
    (source / "runs" / "mine.py").write_text(
        "from mmengine.config import read_base\n"
        "with read_base():\n    from .._base_.schedule import *\n"
        "optimizer = dict(lr=0.5)\n"
    )
    files = copy_config(source / "runs" / "mine.py", tmp_path / "target")
    assert files == [tmp_path / "target/runs/mine.py", tmp_path / "target/_base_/schedule.py"]
    assert Config.fromfile(files[0]).max_epochs == 3


def test_shipped_configs_hold_nothing_but_assignments():
    for name in list_configs():
        for node in ast.parse((config_root() / name).read_text()).body:
            assert isinstance(node, ast.Assign | ast.Expr), name
