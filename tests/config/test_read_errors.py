"""A config that cannot be read: the error names the file, the line and what was raised there."""

import re

import pytest

from pgf_plugin.cli import main
from pgf_plugin.config import load_config
from pgf_plugin.errors import ConfigError

pytestmark = pytest.mark.engine

READ_BASE = "from mmengine.config import read_base\nwith read_base():\n    from .{} import *\n"


def error_of(tmp_path, **sources) -> str:
    """Write the sources, read the first of them, and return the error."""
    for name, text in sources.items():
        (tmp_path / f"{name}.py").write_text(text)
    # Not `pytest.raises(…) as raised`, which would keep mmengine's temporary files open for long.
    try:
        load_config(tmp_path / f"{next(iter(sources))}.py")
    except ConfigError as error:
        return str(error)
    return pytest.fail("the config was read")


@pytest.mark.parametrize(
    ("source", "line", "told"),
    [
        ("a = 1\nraise RuntimeError('no luck')\n", 2, "RuntimeError: no luck"),
        ("def f(x):\n    return 1 / x\n\n\na = f(0)\n", 5, "ZeroDivisionError"),
        ("a = 1\nmodel = dict(\n", 2, r"SyntaxError: '\(' was never closed"),
        ("_base_ = []\nimport a_missing_module\n", 2, "No module named 'a_missing_module'"),
        ("import a_missing_module\na = a_missing_module.f()\n", 2, "nothing can call it"),
        ("a = 1\n\n_base_ = ['nowhere.py']\n", 3, r"there is no base file \S*nowhere\.py"),
        ("a = 1\n_base_ = [b]\n", 2, "NameError: name 'b' is not defined"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("custom_imports = dict(\n    imports=['a_missing_plugin'])\n", 1, "'a_missing_plugin'"),
    ],
)
def test_the_line_of_the_config_is_named(source, line, told, tmp_path):
    error = error_of(tmp_path, broken=source)
    shown = source.splitlines()[line - 1].strip()
    pattern = rf"\S*broken\.py cannot be read: line {line}: .*{told}.*\n    {re.escape(shown)}"
    assert re.fullmatch(pattern, error), error


@pytest.mark.parametrize("base", ["_base_ = './inner.py'\n", READ_BASE.format("inner")])
@pytest.mark.parametrize(
    ("source", "told"),
    [("a = 1\nb = 1 / 0\n", "ZeroDivisionError"), ("a = 1\nmodel = dict(\n", "SyntaxError")],
)
def test_a_base_file_is_named_itself(base, source, told, tmp_path):
    outermost = "_base_ = './outer.py'\n" if "_base_" in base else READ_BASE.format("outer")
    error = error_of(tmp_path, outermost=outermost, outer=base, inner=source)
    assert re.search(
        rf"outermost\.py cannot be read: its base file \S*inner\.py, line 2: {told}", error
    )


def test_a_base_file_that_computes_its_own_is_named(tmp_path):
    error = error_of(tmp_path, outer="_base_ = 'inner.py'\n", inner="a = 1\n_base_ = [b]\n")
    assert re.search(r"its base file \S*inner\.py, line 2: NameError", error)


def test_an_import_of_pure_python_is_named_before_it_is_used(tmp_path):
    source = "a = 1\nfrom a_missing_module import Net\nmodel = dict(type=Net)\n"
    error = error_of(tmp_path, broken=source)
    assert re.search(r"a_missing_module in \S*broken\.py, line 2", error)


def test_a_base_file_that_pure_python_lacks(tmp_path):
    assert re.search(
        r"nowhere\.py not found", error_of(tmp_path, broken=READ_BASE.format("nowhere"))
    )


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("a = 1\nraise ValueError('broken plugin')\n", "ValueError: broken plugin"),
        ("a = 1\nimport a_missing_module\n", "No module named 'a_missing_module'"),
        ("a = 1\nb = = 2\n", "SyntaxError: invalid syntax"),
    ],
)
def test_a_module_that_a_base_file_imports_is_named(plugin, told, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    name = f"plugin_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(plugin)
    base = f"b = 2\ncustom_imports = dict(imports=['{name}'])\n"
    error = error_of(tmp_path, outer="_base_ = 'inner.py'\n", inner=base)
    place = rf"its base file \S*inner\.py, line 2: .*{told} \(raised in \S*{name}\.py, line 2\)"
    assert re.search(place, error), error


def test_the_command_tells_it_in_one_error(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("a = 1\nb = a.nothing\n")
    bench = "bench = dict(models=dict(A='broken.py'), seeds=[0])\n"
    (tmp_path / "bench.py").write_text(bench.replace("broken.py", str(tmp_path / "broken.py")))
    for argv in (["train", "broken.py"], ["bench", "bench.py"], ["params", "broken.py"]):
        assert main([argv[0], str(tmp_path / argv[1])]) == 1
        printed = capsys.readouterr()
        assert "broken.py cannot be read: line 2: AttributeError" in printed.err
        assert "Traceback" not in printed.err + printed.out
        assert "mmengine" not in printed.err + printed.out
