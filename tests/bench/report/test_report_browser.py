"""The report in a browser: it loads, sorts, filters, and can be used by keyboard and on a phone."""

import shutil
from pathlib import Path

import pytest
from report_results import leave_behind, page_of, trial

webdriver = pytest.importorskip("selenium.webdriver", reason="extra [test] is not installed")
WebDriverWait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait

BROWSER, DRIVER = (
    next(filter(None, map(shutil.which, names)), None)
    for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
)
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs chromium and chromedriver on the PATH"
)


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # The path of the driver is given, so that selenium looks for none and downloads none.
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def emulate(browser, width=1280, scheme="light"):
    """Set the width of the window and what the reader prefers."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture
def page(browser, report):
    """The report, opened."""
    emulate(browser)
    browser.get(report.as_uri())
    yield browser
    told = [
        entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
    ]
    assert told == []
    browser.execute_script("localStorage.clear()")


def find(page, selector):
    return page.find_element("css selector", selector)


def column(page, table, number):
    """Texts of a column's cells that are shown, from the top."""
    cells = page.find_elements("css selector", f"#{table} tbody tr > :nth-child({number})")
    return [cell.text.split("\n")[0] for cell in cells if cell.is_displayed()]


def head(page, table, name):
    heads = page.find_elements("css selector", f"#{table} thead th")
    return next(cell for cell in heads if cell.text.strip() == name)


def keys(page, *pressed):
    webdriver.ActionChains(page).send_keys(*pressed).perform()


def focused(page, script="return document.activeElement"):
    return page.execute_script(script)


def test_it_loads_without_console_errors(page):
    assert page.title == "Three models"
    assert find(page, "#rows").is_displayed()


def test_a_click_sorts_by_number_and_a_second_one_turns_it_round(page):
    cell = head(page, "rows", "MAE")
    cell.find_element("tag name", "button").click()
    rising = column(page, "rows", 4)
    assert rising == ["0.705 ± 0.007", "0.755 ± 0.007", "0.805 ± 0.007", "0.905 ± 0.007", "failed"]
    assert cell.get_attribute("aria-sort") == "ascending"
    cell.find_element("tag name", "button").click()
    assert column(page, "rows", 4) == [*rising[-2::-1], "failed"]  # what is missing stays last
    assert cell.get_attribute("aria-sort") == "descending"
    others = page.find_elements("css selector", "#rows th[aria-sort]:not([aria-sort=none])")
    assert others == [cell]


def test_every_word_of_the_filter_must_be_in_the_row(page):
    field = find(page, "#trials-filter")
    field.send_keys("pgf-net GATE")
    assert column(page, "trials", 2) == ["no gate", "no gate"]
    assert find(page, "output[for=trials-filter]").text == "2 of 9"
    field.clear()
    field.send_keys("failed")
    assert column(page, "trials", 1) == ["MulT"]


def test_the_charts_show_the_metric_that_is_chosen(page):
    def shown():
        charts = page.find_elements("css selector", "figure[data-metric]")
        return {chart.get_attribute("data-metric") for chart in charts if chart.is_displayed()}

    assert shown() == {"MAE"}
    find(page, "#metric option[value=Corr]").click()
    assert shown() == {"Corr"}


def test_the_attention_of_a_layer_can_be_chosen(page):
    def shown():
        maps = page.find_elements("css selector", "#looks details[open] .layer:not(.off)")
        return {picture.get_attribute("data-layer") for picture in maps}

    before = shown()
    assert len(before) == 1
    (other,) = {"0", "1"} - before
    find(page, f"#looks select option[value='{other}']").click()
    assert shown() == {other}


def test_the_keyboard_alone_reaches_and_uses_everything(page):
    from selenium.webdriver.common.keys import Keys

    keys(page, Keys.TAB)
    assert focused(page).text == "Skip to the content"
    keys(page, Keys.ENTER)
    assert focused(page).get_attribute("id") == "main"
    for _ in range(20):
        keys(page, Keys.TAB)
        if focused(page).text.strip() == "model":
            break
    assert focused(page, "return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys(page, Keys.SPACE)
    assert head(page, "rows", "model").get_attribute("aria-sort") == "ascending"
    names = column(page, "rows", 1)
    assert names == sorted(names, key=str.lower)


@pytest.mark.parametrize("width", [320, 375])
def test_a_phone_scrolls_tables_and_not_the_page(browser, results, tmp_path, width):
    long = trial("A_model_with_one_very_long_name_that_has_no_space_to_break_at_" * 2, 0)
    leave_behind(long, tmp_path, texts=("x" * 300, "b", "c"))
    path = page_of([*results, long], tmp_path, "Aver" + "y" * 90 + "longtitle", notes=["n" * 200])
    emulate(browser, width)
    browser.get(path.as_uri())
    root = "document.scrollingElement"
    assert browser.execute_script(f"return {root}.scrollWidth <= {root}.clientWidth")
    box = "document.querySelector('#rows').parentElement"
    assert browser.execute_script(f"return {box}.scrollWidth > {box}.clientWidth")


def test_it_is_dark_where_that_is_preferred_or_chosen(page):
    def ground():
        return page.execute_script("return getComputedStyle(document.body).backgroundColor")

    light = ground()
    emulate(page, scheme="dark")
    dark = ground()
    assert dark != light == "rgb(255, 255, 255)"
    button = find(page, "#theme")
    button.click()
    assert (button.text, ground()) == ("Theme: light", light)
    button.click()
    emulate(page, scheme="light")

    # The browser writes the choice down a little after the click, on a busy machine after a reload.
    def kept(page):
        page.refresh()
        return find(page, "#theme").text != "Theme: auto"

    WebDriverWait(page, 20).until(kept)
    assert (find(page, "#theme").text, ground()) == ("Theme: dark", dark)


def test_a_script_that_came_in_would_not_run(page):
    page.execute_script("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=x=1>')")
    blocked = page.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s); return window.ran === undefined"
    )
    assert blocked
    page.get_log("browser")  # which tells of both


def test_the_data_can_be_saved(browser, report, tmp_path):
    from selenium.webdriver.support.wait import WebDriverWait

    emulate(browser)
    folder = tmp_path / "saved"
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    browser.get(report.as_uri())
    browser.find_element("id", "save").click()
    WebDriverWait(browser, 10).until(lambda _: Path(folder / "results.json").exists())
    assert "Three models" in (folder / "results.json").read_text(encoding="utf-8")
