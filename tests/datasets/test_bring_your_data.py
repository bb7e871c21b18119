"""Every command of docs/bring_your_data.md runs, on small files of every kind."""

import re
from pathlib import Path

import page_files
import pytest
from pages import Page, run
from tiny_encoder import write_encoder

from pgf_plugin.datasets.formats import FORMATS
from pgf_plugin.datasets.store import open_store
from pgf_plugin.registry import TRANSFORMS

PAGE = Page(Path(__file__).parents[2] / "docs" / "bring_your_data.md")
SECTIONS = [name for name in PAGE.sections if PAGE.commands(name)]
REFUSED = "pgf data validate MOSI/unaligned_50.pkl"
"""What ends with 1, as the page says: MMSA's audio holds -inf."""

WIDTHS = {
    "mosi": {"text": 8, "audio": 5, "vision": 20},
    "sims": {"text": 8, "audio": 33, "vision": 709},
    "fet": {"text": 8, "audio": 25, "vision": 17},
    "misa": {"audio": 74, "vision": 47},
    "csd": {"audio": 74, "vision": 35},
    "reviews": {},
    "clips": {"audio": 40},
    "sequences": {"audio": 40, "vision": 16},
    "utterances": {"audio": 73},
}
"""Store of the page to the features a step of what is in it."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def folder(tmp_path, tiny, monkeypatch):
    """Where a reader of the page has the files."""
    page_files.write_mmsa_files(tmp_path)
    page_files.write_extracted_files(tmp_path)
    page_files.write_misa_files(tmp_path)
    page_files.write_tables(tmp_path)
    monkeypatch.setenv("PGF_ENCODER", str(tiny))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("section", SECTIONS)
def test_the_commands_of_a_section(section, folder, capsys):
    commands = PAGE.commands(section)
    if any(" CSD " in command for command in commands):
        page_files.write_csd_files(folder)
    for command in PAGE.commands_before(section):
        if " convert " in command and " CSD " not in command:
            assert run(command) == 0, capsys.readouterr()
    PAGE.write_files(section, folder)
    for command in commands:
        assert run(command) == (command == REFUSED), (command, capsys.readouterr())
    assert {path.parent.name for path in folder.glob("work_dirs/*/best_MAE_epoch_1.pth")} == {
        re.findall(r"(?:--work-dir work_dirs|train \w+)/(\S+)", command)[-1]
        for command in commands
        if " train " in command
    }


def test_every_kind_of_file_becomes_what_the_page_says(folder, capsys):
    page_files.write_csd_files(folder)
    for command in PAGE.commands_before(""):
        if " convert " in command and "--force" not in command:
            assert run(command) == 0, capsys.readouterr()
    stores = {path.stem: open_store(path) for path in Path("data").iterdir()}
    widths = {
        name: {modality: each.width for modality, each in table.sequences.items()}
        for name, table in stores.items()
    }
    assert widths == WIDTHS
    assert {"text", "audio", "vision"} <= stores["sims"].extra_labels.keys()
    assert sorted(stores["utterances"].splits) == ["split_mine", "split_standard"]
    mosi, extracted = (stores[name].sequences["audio"] for name in ("mosi", "fet"))
    assert mosi.lengths.tolist() == extracted.lengths.tolist()


def test_convert_passes_on_what_the_reader_notes(folder, capsys):
    page_files.write_csd_files(folder)
    assert run("pgf data convert CSD data/late.store") == 0
    assert "note: CMU_MOSI_ModifiedTimestampedWords.csd" in capsys.readouterr().out
    assert run("pgf data convert CSD data/right.store --option word_shift=1") == 0
    assert "note:" not in capsys.readouterr().out


def test_what_the_page_names_exists():
    options = {option for each in FORMATS.values() for option in each.options}
    lines = re.findall(r"--option ((?:\w+=\S+ ?)+)", PAGE.text)
    named = {part.split("=")[0] for line in lines for part in line.split()}
    assert named <= options
    assert len(named) >= 11
    transforms = PAGE.sections["Into the model"]
    for name in TRANSFORMS.module_dict:
        assert f"`{name}`" in transforms
    for suffix in (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".npz", ".csd", ".pkl"):
        assert f"{suffix}`" in PAGE.text


def test_every_link_leads_somewhere(pytestconfig):
    docs = pytestconfig.rootpath / "docs"
    headings = {
        re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") for name in PAGE.sections
    }
    links = re.findall(r"\]\(([^)]+)\)", PAGE.text)
    for link in links:
        assert link[1:] in headings if link.startswith("#") else (docs / link).is_file(), link
    assert len(links) >= 8
