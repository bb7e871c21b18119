"""The wheel and the sdist, built from a copy of the source tree and used outside any checkout."""

import zipfile
from pathlib import Path

import pytest

PROBE = """
import pgf_plugin, sys
from importlib.metadata import version
from pgf_plugin.cli import main
print(pgf_plugin.__file__, version("pgf-plugin"))
sys.exit(main(["list"]) or main(["params", "pgf_net/pgf_net_bert-base_mosi.py"]))
"""


def test_everything_is_packed(wheels, root):
    expected = {
        path.relative_to(root).as_posix()
        for package in ("pgf_command", "pgf_plugin")
        for path in (root / package).rglob("*.py")
        if "__pycache__" not in path.parts
    }
    expected |= {
        f"pgf_plugin/{path.relative_to(root).as_posix()}"
        for path in (root / "configs").rglob("*.py")
    }
    contents = []
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            contents.append({file.filename: file.CRC for file in archive.infolist()})
    assert {name for name in contents[0] if name.endswith(".py")} == expected
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_configs_and_commands_outside_a_checkout(wheels, environment_with, run, root, tmp_path):
    installed = environment_with(wheels["sdist"])  # which holds what the other does
    empty = tmp_path / "empty"
    empty.mkdir()
    listed = run(installed / "bin" / "pgf", "config", "list", cwd=empty)
    configs = {
        path.relative_to(root / "configs").as_posix()
        for path in (root / "configs").rglob("*.py")
        if "_base_" not in path.parts
    }
    assert {line.split()[0] for line in listed.splitlines()} == configs
    told = run(installed / "bin" / "python", "-c", PROBE, cwd=empty)
    assert Path(told.splitlines()[0].split()[0]).is_relative_to(installed)
    assert " PGFNet " in told
    (total,) = [line.split() for line in told.splitlines() if line.startswith("total")]
    assert 3_050_000 <= int(total[1].replace(",", "")) <= 3_100_000
    assert not any(empty.iterdir())
