"""Wheels of the source tree, and environments of their own to install them into."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

SOURCES = (
    "pgf_plugin",
    "pgf_command",
    "configs",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


def _run(*command, cwd):
    return _run_with_errors(*command, cwd=cwd)[0]


def _run_with_errors(*command, cwd):
    environment = {key: os.environ[key] for key in os.environ if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


@pytest.fixture(scope="session")
def run():
    """Run a command, apart from this checkout; returns what it prints."""
    return _run


@pytest.fixture(scope="session")
def run_with_errors():
    """The same; returns what it prints to stdout and to stderr."""
    return _run_with_errors


@pytest.fixture(scope="session")
def root(pytestconfig):
    return pytestconfig.rootpath


@pytest.fixture(scope="session")
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
    sdist = _build("sdist", tree, folder / "sdist")
    shutil.unpack_archive(sdist, folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    return {
        "wheel": _build("wheel", tree, folder / "wheel"),
        "sdist": _build("wheel", unpacked, folder / "from_sdist"),
    }


@pytest.fixture
def wheel_of(tmp_path):
    """Build the wheel of a folder."""
    return lambda folder: _build("wheel", folder, tmp_path / "wheel")


def _build(kind, folder, target):
    build = (sys.executable, "-m", "build", "--no-isolation")
    _run(*build, f"--{kind}", "--outdir", target, cwd=folder)
    (built,) = target.iterdir()
    return built


@pytest.fixture
def environment_with(tmp_path):
    """Make a fresh environment with some wheels; their dependencies are those of this one."""

    def make(*wheels):
        environment = tmp_path / "environment"
        venv.create(environment, with_pip=False, symlinks=True)
        python = environment / "bin" / "python"
        pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps")
        _run(*pip, "--no-index", *wheels, cwd=tmp_path)
        # After the installation, or pip would find the package among the dependencies.
        (site_packages,) = environment.glob("lib/python*/site-packages")
        dependencies = [path for path in sys.path if Path(path).name == "site-packages"]
        (site_packages / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
        return environment

    return make
