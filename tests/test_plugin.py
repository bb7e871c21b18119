"""Entry points of real distributions, written to a temporary folder that is on ``sys.path``."""

import inspect
import textwrap
import warnings
from collections import OrderedDict
from importlib.metadata import EntryPoint, entry_points
from uuid import uuid4

import pytest
from mmengine.registry import MODELS
from mmengine.runner import Runner

from pgf_plugin import plugin
from pgf_plugin.plugin import (
    GROUPS,
    BrokenEntryPointWarning,
    EntryPointConflictWarning,
    components,
    load_entry_points,
)
from pgf_plugin.registry import ROOT_REGISTRIES

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def fresh_registries(monkeypatch):
    """Undo what a test registers, and read the entry points anew in each."""
    monkeypatch.delenv(plugin.OPT_OUT, raising=False)
    load_entry_points.cache_clear()
    before = {name: dict(registry.module_dict) for name, registry in ROOT_REGISTRIES.items()}
    yield
    load_entry_points.cache_clear()
    for name, registry in ROOT_REGISTRIES.items():
        registry.module_dict.clear()
        registry.module_dict.update(before[name])


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that makes a distribution of one module with entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(
        distribution: str, source: str, group: str = "mmengine.models", **entries: str
    ) -> str:
        module = f"foreign_{uuid4().hex}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        folder = tmp_path / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        lines = [f"{name} = {module}:{target}" for name, target in entries.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]) + "\n")
        return module

    return write


MODEL = '''
    from torch import nn

    class OtherNet(nn.Module):
        """Adds one number.

        Paper: Somebody et al., Some Journal 2020.
        """
'''


ENCODER = {"type": "PrecomputedTextEncoder", "in_features": 4}
SAMPLER = {"type": "DefaultSampler", "shuffle": False}


def by_name(name):
    (found,) = [component for component in components() if component.name == name]
    return found


def test_a_component_of_another_distribution_is_built_by_name(install):
    install("other-plugin", MODEL, OtherNet="OtherNet")
    assert "OtherNet" not in MODELS
    load_entry_points()
    assert type(MODELS.build({"type": "OtherNet"})).__name__ == "OtherNet"
    found = by_name("OtherNet")
    assert (found.group, found.distribution) == ("models", "other-plugin")
    assert found.purpose == "Adds one number."
    assert found.paper == "Somebody et al., Some Journal 2020."


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_every_group_fills_its_registry(install, group):
    install("other-plugin", "class ForeignThing: 'A thing.'", group, ForeignThing="ForeignThing")
    load_entry_points()
    assert "ForeignThing" in ROOT_REGISTRIES[GROUPS[group]].module_dict


def test_importing_the_package_loads_nothing(install):
    install("other-plugin", "raise RuntimeError('imported')", OtherNet="OtherNet")
    import pgf_plugin

    assert pgf_plugin.registry
    assert "OtherNet" not in MODELS


def test_the_distribution_is_read_once(install):
    install("other-plugin", MODEL, OtherNet="OtherNet")
    assert load_entry_points() is load_entry_points()


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise SystemExit('needs a licence')", "SystemExit: needs a licence"),
        ("import a_module_that_is_missing", "ModuleNotFoundError.*a_module_that_is_missing"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("def f(:", "SyntaxError"),
        ("", "AttributeError.*OtherNet"),
        ("OtherNet = 3", "TypeError.*not a class or a function"),
    ],
)
def test_a_broken_entry_point_is_isolated(install, source, cause):
    install("broken-plugin", source, OtherNet="OtherNet")
    install("whole-plugin", "class WholeNet: 'Fine.'", WholeNet="WholeNet")
    with pytest.warns(BrokenEntryPointWarning, match=f"(?s)'OtherNet'.*broken-plugin.*{cause}"):
        load_entry_points()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_entry_points()  # warned about once
    assert "WholeNet" in MODELS
    with pytest.raises(ImportError, match=f"(?s)'OtherNet'.*broken-plugin.*{cause}") as raised:
        MODELS.build({"type": "OtherNet", "width": 3})
    assert raised.value.__cause__ is not None
    assert by_name("OtherNet").purpose.startswith("broken: entry point 'OtherNet'")


@pytest.mark.parametrize(
    ("group", "where"),
    [
        ("mmengine.models", {"model": {"type": "Foreign"}}),
        ("mmengine.datasets", {"train_dataloader": {"dataset": {"type": "Foreign"}}}),
        ("mmengine.metrics", {"val_evaluator": {"type": "Foreign"}}),
        ("mmengine.hooks", {"custom_hooks": [{"type": "Foreign"}]}),
        ("mmengine.hooks", {"default_hooks": {"timer": {"type": "Foreign"}}}),
    ],
)
def test_a_plain_runner_raises_where_a_broken_name_is_used(install, tmp_path, group, where):
    install("broken-plugin", "raise RuntimeError('no licence')", group, Foreign="Foreign")
    with pytest.warns(BrokenEntryPointWarning, match="broken-plugin"):
        load_entry_points()
    config = {
        "model": {"type": "TextOnlyNet", "encoder": ENCODER},
        "work_dir": str(tmp_path / "run"),
        "experiment_name": tmp_path.name,
        "train_dataloader": {"batch_size": 1, "dataset": [1], "sampler": SAMPLER},
        "train_cfg": {"by_epoch": True, "max_epochs": 1},
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}},
        "val_dataloader": {"batch_size": 1, "dataset": [1], "sampler": SAMPLER},
        "val_cfg": {},
        "val_evaluator": {"type": "MSAMetric"},
        "log_level": "ERROR",
    }
    for key, value in where.items():
        config[key] = {**config[key], **value} if "loader" in key else value
    with pytest.raises(ImportError, match=r"'Foreign'.*broken-plugin.*no licence"):
        Runner(**config).train()


def test_a_broken_entry_point_does_not_hold_its_name(install):
    install("a-broken-plugin", "raise RuntimeError('no licence')", OtherNet="OtherNet")
    install("whole-plugin", MODEL, OtherNet="OtherNet")
    with pytest.warns(BrokenEntryPointWarning, match="a-broken-plugin"):
        load_entry_points()
    assert type(MODELS.build({"type": "OtherNet"})).__name__ == "OtherNet"


def test_of_two_distributions_with_one_name_the_first_by_name_has_it(install):
    second = install("b-plugin", MODEL, OtherNet="OtherNet")
    first = install("a-plugin", MODEL, OtherNet="OtherNet")
    told = rf"'OtherNet' \({second}:OtherNet\) of b-plugin.*{first}\.OtherNet\), which is kept"
    with pytest.warns(EntryPointConflictWarning, match=told):
        load_entry_points()
    assert MODELS.get("OtherNet").__module__ == first


def test_entry_points_without_a_distribution_are_named_too(monkeypatch):
    """As a frozen application has them."""
    whole = EntryPoint("Foreign", "collections:OrderedDict", "mmengine.models")
    broken = EntryPoint("Other", "collections:Missing", "mmengine.models")
    found = {"mmengine.models": [whole, broken]}
    monkeypatch.setattr(plugin, "entry_points", lambda group: found.get(group, []))
    with pytest.warns(BrokenEntryPointWarning, match="an unknown distribution"):
        (first, second) = load_entry_points()
    assert MODELS.get("Foreign") is first.target is OrderedDict
    assert second.purpose.startswith("broken: entry point 'Other'")


def test_a_name_that_is_held_is_kept_and_warned_about(install):
    held = MODELS.get("PGFNet")
    install("greedy-plugin", "class PGFNet: 'Mine.'", PGFNet="PGFNet")
    with pytest.warns(EntryPointConflictWarning, match=r"'PGFNet'.*greedy-plugin.*pgf_net\.PGFNet"):
        load_entry_points()
    assert MODELS.get("PGFNet") is held


def test_the_same_object_twice_is_no_conflict(install):
    source = """
        from mmengine.registry import MODELS

        @MODELS.register_module()
        class OtherNet:
            'Registers itself as well.'
    """
    install("decorated-plugin", source, OtherNet="OtherNet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_entry_points()
    assert MODELS.get("OtherNet").__doc__ == "Registers itself as well."


@pytest.mark.parametrize("value", ["1", "true", "YES"])
def test_the_opt_out_loads_nothing(install, monkeypatch, value):
    install("other-plugin", "raise RuntimeError('imported')", OtherNet="OtherNet")
    monkeypatch.setenv(plugin.OPT_OUT, value)
    assert load_entry_points() == ()
    assert "OtherNet" not in MODELS


def test_entry_points_and_registered_components_are_equal():
    """A component without its line in setup.cfg, or a line without component, fails here."""
    declared = {
        (group, entry.name, entry.value)
        for group in GROUPS
        for entry in entry_points(group=group)
        if entry.dist.name == "pgf-plugin"
    }
    registered = {
        (group, name, f"{target.__module__}:{target.__qualname__}")
        for group, registry in GROUPS.items()
        for name, target in ROOT_REGISTRIES[registry].module_dict.items()
        if target.__module__.partition(".")[0] == "pgf_plugin"
    }
    assert declared == registered
    assert len(declared) >= 20


def test_no_component_is_registered_outside_the_groups():
    inside = set(GROUPS.values())
    outside = {
        name
        for registry, root in ROOT_REGISTRIES.items()
        if registry not in inside
        for name, target in root.module_dict.items()
        if target.__module__.partition(".")[0] == "pgf_plugin"
    }
    assert not outside


def test_every_own_component_says_what_it_is_for():
    own = [c for c in components() if c.distribution == "pgf-plugin"]
    assert own
    for component in own:
        assert component.purpose.endswith("."), component
        assert inspect.getdoc(component.target), component


def test_the_paper_is_found_by_its_arxiv_number():
    assert by_name("PGFNet").paper == "arXiv 2508.15852"
