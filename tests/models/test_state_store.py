"""The files of the cache of frozen layers: bounded, shared, and whole or not used."""

import numpy as np
import pytest
import torch
from forked import run_forked
from random_batch import architecture, random_inputs

from pgf_plugin.models.encoders.hf_text import HFTextEncoder
from pgf_plugin.models.encoders.state_file import record_size
from pgf_plugin.models.encoders.state_store import StateStore

LARGE = 1 << 20
VALUES = np.arange(30, dtype=np.float32)


def key(number: int) -> bytes:
    return number.to_bytes(32, "little")


def read(store: StateStore, number: int) -> list | None:
    found = store.get(key(number))
    return None if found is None else found.view(np.float32).tolist()


def only_file(folder):
    (path,) = folder.glob("*.states")
    return path


@pytest.mark.parametrize("named", [False, True])
def test_what_is_stored_comes_back(named, tmp_path):
    store = StateStore(tmp_path / "new" / "folder" if named else None, LARGE)
    assert read(store, 0) is None
    for number in range(40):
        assert store.put(key(number), VALUES[: number % 7] + number)
        assert read(store, number) == (VALUES[: number % 7] + number).tolist()
    assert read(store, 5) == (VALUES[:5] + 5).tolist()
    assert read(store, 40) is None


def test_a_folder_serves_later_runs_and_other_processes_now(tmp_path):
    first, second = StateStore(tmp_path, LARGE), StateStore(tmp_path, LARGE)
    first.put(key(1), VALUES)
    assert read(second, 1) == VALUES.tolist()
    second.put(key(2), VALUES + 1)
    assert read(first, 2) == (VALUES + 1).tolist()
    first.put(key(3), VALUES + 2)
    assert read(second, 3) == read(StateStore(tmp_path, LARGE), 3) == (VALUES + 2).tolist()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("named", [False, True])
def test_a_fork_writes_into_a_file_of_its_own(named, tmp_path):
    store = StateStore(tmp_path if named else None, LARGE)
    store.put(key(1), VALUES)

    def child():
        assert (read(store, 1) is not None) == named
        assert store.put(key(2), VALUES + 1)
        assert read(store, 2) == (VALUES + 1).tolist()

    status, told = run_forked(child)
    assert status == 0, told
    store.put(key(3), VALUES + 2)
    assert read(store, 1) == VALUES.tolist()
    assert read(store, 3) == (VALUES + 2).tolist()


@pytest.mark.parametrize("named", [False, True])
def test_beyond_the_bound_nothing_is_stored(named, tmp_path, capfd):
    bound = 2 * record_size(VALUES.nbytes)
    store = StateStore(tmp_path if named else None, bound)
    assert [store.put(key(number), VALUES) for number in range(4)] == [True, True, False, False]
    assert read(store, 1) == VALUES.tolist()
    assert read(store, 2) is None
    if named:
        assert not StateStore(tmp_path, bound).put(key(9), VALUES)
        assert only_file(tmp_path).stat().st_size == bound
    told = "".join(capfd.readouterr())
    assert f"max_bytes={bound}" in told
    assert "cache_frozen.max_bytes" in told
    assert told.count("further states") == 1


def cut(path):
    path.write_bytes(path.read_bytes()[:-70])


def flip_content(path):
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def flip_header(path):
    content = bytearray(path.read_bytes())
    content[record_size(VALUES.nbytes) + 10] ^= 1
    path.write_bytes(content)


def replace(path):
    path.write_bytes(b"something else, that is longer than a header is" * 3)


@pytest.mark.parametrize(
    ("damage", "kept"), [(cut, True), (flip_content, True), (flip_header, True), (replace, False)]
)
def test_what_is_damaged_is_stored_anew(damage, kept, tmp_path, capfd):
    store = StateStore(tmp_path, LARGE)
    for number in range(2):
        store.put(key(number), VALUES + number)
    damage(only_file(tmp_path))
    store = StateStore(tmp_path, LARGE)
    assert (read(store, 0) == VALUES.tolist()) == kept
    assert read(store, 1) is None
    assert ("damaged" in "".join(capfd.readouterr())) == (damage is not cut)
    store.put(key(1), VALUES + 1)
    assert read(store, 1) == read(StateStore(tmp_path, LARGE), 1) == (VALUES + 1).tolist()


def test_a_file_that_is_cut_while_it_is_used(tmp_path):
    StateStore(tmp_path, LARGE).put(key(0), VALUES)
    store = StateStore(tmp_path, LARGE)
    assert read(store, 1) is None  # looks around, and reads nothing
    cut(only_file(tmp_path))
    assert read(store, 0) is None


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path, capfd):
    (tmp_path / "file").touch()
    store = StateStore(tmp_path / "file" / "folder", LARGE)
    assert not store.put(key(0), VALUES)
    assert not store.put(key(1), VALUES)
    assert "".join(capfd.readouterr()).count("takes no more states") == 1


# --- by which encoder ---------------------------------------------------------------------------


def computed(folder, inputs, seed=0, **settings):
    """How many utterances an encoder over the folder had to compute."""
    torch.manual_seed(seed)
    encoder = HFTextEncoder(
        architecture=architecture(**settings.pop("shape", {})),
        freeze=True,
        cache_frozen={"folder": str(folder), **settings.pop("cache", {})},
        **settings,
    )
    seen = []
    encoder.encoder.get_submodule("encoder.layer.0").register_forward_hook(
        lambda *_: seen.append(0)
    )
    encoder(inputs)
    return len(seen)


def test_the_same_encoder_and_tokens_are_found_and_others_are_not(tmp_path):
    inputs = random_inputs(tokens=True)
    assert computed(tmp_path, inputs) == 4
    assert computed(tmp_path, inputs) == 0
    assert computed(tmp_path, random_inputs(tokens=True, extra=3)) == 0
    changed = {name: values.clone() for name, values in inputs.items()}
    changed["input_ids"][1, 0] += 1
    changed["attention_mask"][2, -1] = 0
    assert computed(tmp_path, changed) == 2
    assert computed(tmp_path, inputs, seed=1) == 4  # other weights
    assert computed(tmp_path, inputs, shape={"hidden_act": "relu"}) == 4
    assert computed(tmp_path, inputs, lora_rank=2, lora_start_layer=2) == 4
    assert computed(tmp_path, inputs, lora_rank=4, lora_start_layer=2) == 0
    assert computed(tmp_path, inputs, cache={"dtype": "float16"}) == 4
    assert computed(tmp_path, inputs) == 0
