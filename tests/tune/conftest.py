"""Searches over a tiny model."""

import pytest
from searches import Search

pytest.importorskip("optuna", reason="extra [tune] is not installed")


@pytest.fixture
def search(tmp_path):
    """Make a search with more lines in its config."""

    def make(more="", folder="search"):
        (tmp_path / folder).mkdir()
        return Search(tmp_path / folder, more)

    return make
