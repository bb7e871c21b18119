"""Types of a config whose modules cannot be imported."""

from importlib.util import find_spec

import pytest
from mmengine.registry import MODELS

from pgf_plugin.config import check_config

FILES = {
    "pgf_test_plain/__init__.py": "",
    "pgf_test_plain/needs.py": "import pgf_test_absent",
    "pgf_test_plain/needs_part.py": "import pgf_test_plain.absent",
    "pgf_test_plain/raises.py": "raise ValueError('not today')",
    "pgf_test_scope/__init__.py": "",
    "pgf_test_scope/models.py": "import pgf_test_absent",
    "pgf_test_scope/registry.py": (
        "from mmengine.registry import MODELS as ROOT, Registry\n"
        "MODELS = Registry('model', parent=ROOT, scope='pgf_test_scope', "
        "locations=['pgf_test_scope.models'])"
    ),
}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    for name, code in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    MODELS.children.pop("pgf_test_scope", None)


def told(kind):
    problems = check_config({"model": {"type": kind}})
    (message,) = [problem.message for problem in problems if problem.key == "model.type"]
    return message


NEEDS = "needs the package 'pgf_test_absent', which is not installed: install what provides it"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pgf_test_absent.Net", "the package 'pgf_test_absent' is not installed: install what"),
        ("pgf_test_absent.nets.Net", "the package 'pgf_test_absent' is not installed: install"),
        ("pgf_test_plain.needs.Net", f"'pgf_test_plain.needs' {NEEDS}"),
        (
            "pgf_test_plain.needs_part.Net",
            "importing 'pgf_test_plain.needs_part' raises ModuleNotFoundError: No module named "
            "'pgf_test_plain.absent'",
        ),
        (
            "pgf_test_plain.raises.Net",
            "importing 'pgf_test_plain.raises' raises ValueError: not today",
        ),
    ],
)
def test_what_an_import_lacks_is_told(kind, reason, packages):
    message = told(kind)
    assert message.startswith(f"no component {kind!r} is registered in MODELS, and {reason}")
    assert "Did you mean" not in message


def test_what_the_modules_of_a_scope_lack_is_told(packages):
    assert told("pgf_test_scope.Net") == (
        f"is 'pgf_test_scope.Net', which cannot be looked up: 'pgf_test_scope' {NEEDS}"
    )


def test_the_distribution_of_a_known_package_is_told():
    if find_spec("mmseg"):
        pytest.skip("is installed")
    assert "'mmseg' is not installed: python -m pip install mmsegmentation," in told("mmseg.Net")


@pytest.mark.parametrize(
    "kind", ["pgf_test_plain.Net", "pgf_test_plain.absent.Net", "pgf_plugin.PGFNett", "a..b", "Net"]
)
def test_where_no_import_fails_the_name_is_wrong(kind, packages):
    assert f"no component {kind!r} is registered in MODELS." in told(kind)
