"""What stands in the report, and that nothing from outside can become a part of the page."""

import json
import math
import re
from html.parser import HTMLParser

import pytest
from report_results import HOSTILE, leave_behind, page_of, trial

from pgf_plugin.bench.result import TrialResult

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Reads a page: its elements, texts by element, attributes, and whether all tags close."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.attributes, self.ids, self.texts = [], [], [], {}
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.attributes += [(name, *pair) for pair in attributes]
        self.ids += [value for key, value in attributes if key == "id"]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(text)

    def count(self, name):
        return len(re.findall(rf"<{name}[ >]", self.source))

    @property
    def data(self):
        return json.loads(self.texts["script"][-1])


@pytest.fixture
def page(report):
    return Page(report)


def test_the_page_is_well_formed_and_its_ids_are_unique(page):
    assert len(set(page.ids)) == len(page.ids)
    links = {value[1:] for _, key, value in page.attributes if key == "href" and value[0] == "#"}
    assert links <= set(page.ids)
    labelled = {value for name, key, value in page.attributes if (name, key) == ("label", "for")}
    assert labelled <= set(page.ids)


def test_the_page_needs_no_network_and_no_other_file(page):
    for name, key, value in page.attributes:
        if key in ("src", "href", "action", "srcset", "data"):
            assert value.startswith(("#", "data:image/png;base64,")), (name, key, value)
    style = " ".join(page.texts["style"])
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search("https?://", page.source)
    assert "default-src 'none'" in page.source


def test_every_section_that_has_something_to_show_is_there(page):
    for key in ("results", "failed", "by-seed", "costs", "differences", "curves", "looks"):
        assert key in page.ids
    assert {"worst", "every-trial", "setups"} <= set(page.ids)
    assert page.texts["h1"] == ["Three models"]
    assert "Synthetic data: nothing real" in page.texts["p"]
    assert "ValueError: diverged" in page.texts["pre"]
    assert "MulT/lr_1/seed_0/traceback.txt" in page.texts["code"]


def test_the_numbers_in_the_page_are_those_of_the_trials(page, results):
    assert [t["metrics"].get("MAE") for t in page.data["trials"]] == [
        r.metrics.get("MAE") for r in results
    ]
    assert "0.705 ± 0.007" in page.source  # PGF-Net: 0.70 and 0.71


def test_settings_are_subtracted_seed_by_seed(page):
    (told,) = (t for t in page.texts["li"] if t.startswith("PGF-Net: no gate: +0.050"))
    assert told.endswith("2 paired seeds")
    assert not any("against MISA" in text for text in page.texts["li"])


def test_models_are_compared_with_the_reference_that_was_named(results, tmp_path):
    page = Page(page_of(results, tmp_path, "Three models", reference="MISA"))
    told = [text for text in page.texts["li"] if text.startswith("PGF-Net against MISA: ")]
    assert told[0].startswith("PGF-Net against MISA: \N{MINUS SIGN}0.100, 2 paired seeds")
    assert told[0].endswith("not tested: no predictions, two seeds")


def test_the_worst_errors_are_means_over_seeds_with_their_text(page):
    rows = re.search(r'<table id="errors".*?</table>', page.source, re.DOTALL).group()
    first = re.search(r"<tbody>.*?</tr>", rows, re.DOTALL).group()
    assert "a bad film" in first
    assert 'data-v="2.5"' in first  # errors of 2 and 3
    assert "+1.00, +2.00" in first


def test_gates_and_attention_have_a_picture_each_layer(page):
    assert "PGF-Net (no gate)" in page.texts["h3"]
    maps = [value for name, key, value in page.attributes if key == "data-layer"]
    assert maps == ["0", "1"] * 4  # two modalities in each of two rows
    assert "layer 1: 60 % on vision" in page.texts["title"]


def test_hostile_names_texts_and_messages_stay_text(tmp_path):
    results = [trial(HOSTILE, seed, setting=HOSTILE, dataset=HOSTILE) for seed in (0, 1)]
    results += [trial("PGF-Net", 0, dataset=HOSTILE)]
    results += [TrialResult(HOSTILE, 3, "mark", status="failed", error=HOSTILE)]
    results[0].data = {"note": HOSTILE, "planted": True, "source": HOSTILE}
    results[0].environment = {HOSTILE: HOSTILE}
    for result in results[:2]:
        result.metrics[HOSTILE] = 1.0
    for result in results[:3]:
        leave_behind(result, tmp_path, texts=(HOSTILE, "$style", "\u2028"))
    page = Page(page_of(results, tmp_path, HOSTILE, notes=[HOSTILE], selection=HOSTILE))
    assert page.count("script") == 2  # the page's own and the data
    assert page.count("img") == 0
    assert not any(key.startswith("on") for _, key, _ in page.attributes)
    assert page.data["title"] == HOSTILE
    assert page.texts["h1"][0].strip() == HOSTILE
    assert "planted audio or vision" in page.texts["span"]


def test_a_bench_of_which_nothing_finished_has_a_report(tmp_path):
    results = [TrialResult("MulT", 0, "mark", status="failed", error="no memory")]
    page = Page(page_of(results, tmp_path, "Nothing"))
    assert {"results", "failed", "every-trial"} <= set(page.ids)
    assert not {"by-seed", "costs", "curves", "looks", "worst"} & set(page.ids)


def test_numbers_that_are_not_finite_are_dashes_and_gaps(results, tmp_path):
    results[0].metrics.update(MAE=math.nan, Corr=math.inf)
    results[0].learning_curve = [math.nan, 1.0, math.inf]
    results[1].ms_per_utterance = None
    results[2].learning_curve = []
    page = Page(page_of(results, tmp_path, "Three models"))
    assert page.data["trials"][0]["metrics"]["MAE"] is None
    drawn = " ".join(str(v) for _, k, v in page.attributes if k in ("d", "cx", "cy", "points"))
    assert not re.search("nan|inf", drawn)


@pytest.mark.parametrize(("unit", "at"), [("epoch", [5, 10, 12]), ("step", [50, 100, 120])])
def test_a_curve_is_drawn_over_the_epochs_of_its_validations(tmp_path, unit, at):
    fields = dict(learning_curve=[1.2, 0.7, 1.0], curve_epochs=at, best_epoch=at[1], unit=unit)
    page = Page(page_of([trial("PGF-Net", 0, **fields)], tmp_path, "Every fifth"))
    line = r'd="M([\d.]+),[\d.]+L([\d.]+),[\d.]+L([\d.]+),[\d.]+" class="curve"'
    (found,) = re.findall(line + r'.*?<circle cx="([\d.]+)"', page.source, re.S)
    first, second, last, dot = map(float, found)
    assert dot == pytest.approx(second, abs=0.1)
    assert (last - first) / (second - first) == pytest.approx(
        (at[2] - at[0]) / (at[1] - at[0]), 0.01
    )
    assert f"chosen {unit} {at[1]}" in page.source
    assert f"{unit} chosen" in page.texts["button"]
    assert unit in page.texts["text"]


def test_files_that_are_cut_off_are_left_out(results, tmp_path):
    for path in [*tmp_path.rglob("looks.json"), *tmp_path.rglob("predictions.parquet")]:
        path.write_bytes(path.read_bytes()[:40])
    page = Page(page_of(results, tmp_path, "Three models"))
    assert not {"looks", "worst"} & set(page.ids)


def test_predictions_of_classes_have_no_worst_errors(results, tmp_path):
    import pandas as pd

    for path in tmp_path.rglob("predictions.parquet"):
        frame = pd.read_parquet(path)
        frame["prediction"] = [[0.1, 0.2, 0.7]] * len(frame)
        frame.to_parquet(path)
    assert "worst" not in Page(page_of(results, tmp_path, "Three models")).ids


@pytest.mark.parametrize("own_id", ["", "video"])
def test_utterances_whose_ids_are_not_unique_are_told_apart(results, tmp_path, own_id):
    import pandas as pd

    for path in tmp_path.rglob("predictions.parquet"):
        frame = pd.read_parquet(path)
        frame["id"] = own_id
        frame.to_parquet(path)
    page = Page(page_of(results, tmp_path, "Three models"))
    worst = page.source.partition('id="worst"')[2].partition("</section>")[0]
    assert worst.count("a bad film") == worst.count("no film") == worst.count("a good film") == 2


def test_a_large_bench_stays_below_five_megabytes(tmp_path):
    curve = [1 + 1 / epoch for epoch in range(1, 61)]
    results = [
        trial(f"model {m}", seed, 0.001 * m * s, setting=f"setting {s}", learning_curve=curve)
        for seed in range(5)
        for m in range(10)
        for s in range(10)
    ]
    path = page_of(results, tmp_path, "Five hundred trials")
    assert path.stat().st_size < 5e6
    assert len(Page(path).data["trials"]) == 500
