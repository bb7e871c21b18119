"""The wheel and the sdist, built from a copy of the source tree and used outside any checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

SOURCES = ("pgf_plugin", "configs", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
PROBE = """
import pgf_plugin, sys
from importlib.metadata import version
from pgf_plugin.cli import main
print(pgf_plugin.__file__, version("pgf-plugin"))
sys.exit(main(["list"]) or main(["params", "pgf_net/pgf_net_bert-base_mosi.py"]))
"""


def run(*command, cwd):
    environment = {key: os.environ[key] for key in os.environ if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def root(pytestconfig):
    return pytestconfig.rootpath


@pytest.fixture(scope="module")
def wheels(root, tmp_path_factory):
    """One wheel built from the tree, and one from the sdist of the tree."""
    folder = tmp_path_factory.mktemp("build")
    tree = folder / "tree"
    tree.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name, ignore=ignored)
        else:
            shutil.copy(root / name, tree / name)
    build = (sys.executable, "-m", "build", "--no-isolation")
    run(*build, "--sdist", "--outdir", folder / "sdist", cwd=tree)
    run(*build, "--wheel", "--outdir", folder / "wheel", cwd=tree)
    (sdist,) = (folder / "sdist").glob("*.tar.gz")
    shutil.unpack_archive(sdist, folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(*build, "--wheel", "--outdir", folder / "from_sdist", cwd=unpacked)
    return {
        name: next((folder / place).glob("*.whl"))
        for name, place in (("wheel", "wheel"), ("sdist", "from_sdist"))
    }


@pytest.fixture(params=["wheel", "sdist"])
def installed(request, wheels, tmp_path):
    """A fresh environment with the package; its dependencies are those of this environment."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheels[request.param], cwd=tmp_path)
    # After the installation, or pip would find the package among the dependencies.
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def test_everything_is_packed(wheels, root):
    expected = {
        path.relative_to(root).as_posix()
        for path in (root / "pgf_plugin").rglob("*.py")
        if "__pycache__" not in path.parts
    }
    expected |= {
        f"pgf_plugin/{path.relative_to(root).as_posix()}"
        for path in (root / "configs").rglob("*.py")
    }
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            packed = {name for name in archive.namelist() if name.endswith(".py")}
        assert packed == expected


def test_configs_and_commands_outside_a_checkout(installed, root, tmp_path):
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
