"""The page: self-contained, safe against any name, and working in a browser."""

import functools
import json
import re

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.visualization.report import write_report
from slowfast.visualization.report.page import render_page
from slowfast.visualization.report.runs import read_runs

from .records import (
    NAMES,
    NASTY,
    SEGMENTS,
    configuration,
    make_run,
    outcome,
    several_sets,
    single_label,
    write_log,
)

MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders a, b (other scores and settings) and c (no class of the tail has a clip)."""
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "a")
    make_run(folder / "b", seed=1, settings=["SOLVER.BASE_LR", 0.7])
    labels = outcome().targets.copy()
    labels[:, 4:] = 0
    stats = {"map": "55.00", "map_head": "60.00", "map_middle": "50.00", "map_tail": None}
    make_run(folder / "c", targets=labels, stats=stats)
    return folder


def write_page(folder, *paths):
    """Writes the page of run folders."""
    path = folder / "page.html"
    path.write_text(render_page(read_runs(paths)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page_of(runs, tmp_path_factory):
    """Gives the page of runs by their names; each page is written once."""

    @functools.cache
    def page_of(*names):
        return write_page(tmp_path_factory.mktemp("page"), *(runs / name for name in names))

    return page_of


def read_out(page):
    """Returns the text beside the pointer."""
    tip = page.locator("#tip")
    tip.wait_for(state="visible")
    return tip.inner_text()


def cells(page, column, table="#classes"):
    return page.locator(f"{table} tbody tr > :nth-child({column})").all_inner_texts()


# ------------------------------------------------------------------------------- without a browser


def test_the_page_loads_nothing(page_of):
    text = page_of("a", "b").read_text(encoding="utf-8")
    loads = re.findall(r"""(?:\bsrc|\bhref|url|@import|fetch)\s*[=(]\s*["']?([^"')\s>]+)""", text)
    assert not [address for address in loads if not address.startswith(("data:", "#"))]
    assert "http://www.w3.org/2000/svg" in text  # the name of a namespace, which is not loaded
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "default-src 'none'" in text


def test_names_cannot_leave_the_data(page_of):
    text = page_of("a").read_text(encoding="utf-8")
    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert "<" not in data
    assert json.loads(data)[0]["classes"][4]["name"] == NASTY
    assert NASTY not in text


def test_inserted_text_is_not_read_as_a_template():
    empty = {"name": "{{data}} <i>", "classes": []}
    text = render_page([empty])
    assert "<title>Run report: {{data}} &lt;i&gt;</title>" in text


# ---------------------------------------------------------------------------------- in the browser


def test_sections_and_figures(open_page, page_of):
    page = open_page(page_of("a"))
    assert page.locator("h1").inner_text() == "a"
    assert page.locator("h2").all_inner_texts() == [
        "What was run",
        "Curves",
        "Average precision and training clips",
        "Classes",
        "Most confused pairs",
        "Weakest classes",
        "Settings",
    ]
    assert page.locator(".figure").count() == 5
    assert page.locator("#worst img").count() > 5
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert NASTY in cells(page, 2)
    assert page.locator("#page b[onclick]").count() == 0


@pytest.fixture(scope="module")
def single_runs(tmp_path_factory):
    """Folders of two runs with one class a clip."""
    folder = tmp_path_factory.mktemp("single")
    for seed, name in enumerate("ab"):
        make_run(folder / name, **single_label(seed))
    return folder


def test_a_run_with_one_class_a_clip(open_page, single_runs, tmp_path):
    page = open_page(write_page(tmp_path, single_runs / "a"))
    titles = page.locator("h2").all_inner_texts()
    assert titles[2:6] == [
        "Recall and training clips",
        "Classes",
        "Confusion matrix",
        "Most confused pairs",
    ]
    tiles = [text.split("\n")[0] for text in page.locator(".figure").all_inner_texts()]
    names = ["Top-1", "Top-5", "Macro", "Head", "Middle", "Tail"]
    assert tiles == [f"{name} accuracy" for name in names]
    truth = single_label()
    right = truth["scores"].argmax(axis=1) == truth["targets"]
    assert f"{100 * right.mean():.2f}" in page.locator(".figure").first.inner_text()
    page.get_by_placeholder("Name, id or segment").fill("walking")
    assert cells(page, 3) == [f"{100 * right[truth['targets'] == 0].mean():.2f}"]
    # The first cell of the matrix is class 0, predicted rightly.
    matrix = page.locator("#matrix svg[tabindex]")
    matrix.focus()
    matrix.press("ArrowRight")
    assert f"{right[truth['targets'] == 0].sum()} of 25" in read_out(page)
    page.get_by_label("Order by").select_option("test clips, most first")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_two_runs_with_one_class_a_clip_are_compared(open_page, single_runs, tmp_path):
    page = open_page(write_page(tmp_path, single_runs / "a", single_runs / "b"))
    assert "Accuracy in %" in page.locator("h2").first.inner_text()
    a, b = page.evaluate("runs.map((run) => run.figures.top1_macro)")
    assert f"{b:.2f}" in page.locator("#figures tbody tr").nth(1).inner_text()
    assert f"{abs(b - a):.2f}" in page.locator("#figures tbody tr").nth(1).inner_text()
    differences = page.evaluate(
        "runs[1].classes.slice(0, 5).map((c, i) => c.recall - runs[0].classes[i].recall)"
    )
    shown = [float(text.replace(MINUS, "-").replace("±", "")) for text in cells(page, 3)[:-1]]
    assert sorted(shown) == pytest.approx(sorted(differences), abs=0.006)


def test_a_run_with_several_label_sets(open_page, tmp_path):
    for seed, name in enumerate("ab"):
        make_run(tmp_path / name, **several_sets(seed))
    page = open_page(write_page(tmp_path, tmp_path / "a"))
    titles = page.locator("h2").all_inner_texts()
    for name in ("Behavior", "Animal", "Composition"):
        assert f"{name}: recall and training clips" in titles
        assert f"{name}: classes" in titles
    assert "Animal: confusion matrix" in titles
    assert "Composition: confusion matrix" not in titles
    assert page.locator(".figure").count() == 18
    figures = page.evaluate("runs[0].parts.map((part) => part.figures.top1_macro)")
    for figure, name in zip(figures, ("behavior", "animal", "composition"), strict=True):
        assert f"{figure:.2f}" == several_sets()["stats"][f"{name}/top1_macro"]
        assert f"{figure:.2f}" in page.locator(".figures").all_inner_texts()[figures.index(figure)]
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page = open_page(write_page(tmp_path, tmp_path / "a", tmp_path / "b"))
    other = page.evaluate("runs[1].parts[1].figures.top1_macro")
    assert f"{other:.2f}" in page.locator("#figures-animal tbody tr").nth(1).inner_text()
    assert len(cells(page, 3, "#classes-animal")) == 6


def test_runs_of_other_label_sets_are_not_compared(single_runs, tmp_path):
    make_run(tmp_path / "sets", **several_sets())
    with pytest.raises(UserError, match="its label sets are behavior, animal, composition, and in"):
        read_runs([single_runs / "a", tmp_path / "sets"])


def test_sorting_by_mouse_and_keyboard(open_page, page_of):
    page = open_page(page_of("a"))
    head = page.locator("#classes thead th").nth(4)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert cells(page, 5) == ["900", "640", "300", "120", "7", "0"]
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert cells(page, 5) == ["0", "7", "120", "300", "640", "900"]
    names = page.locator("#classes thead th").nth(1)
    names.locator("button").press("Space")
    assert cells(page, 2)[1:] == sorted(set(NAMES) - {NASTY})
    assert head.get_attribute("aria-sort") == "none"
    for falling in (True, False):
        page.locator("#classes thead th").nth(2).locator("button").click()
        *values, last = cells(page, 3)
        assert last == "no test clip"
        assert list(map(float, values)) == sorted(map(float, values), reverse=falling)


def test_searching_and_switching_segments(open_page, page_of):
    page = open_page(page_of("a"))
    box = page.get_by_placeholder("Name, id or segment")
    box.fill("WALK")
    assert cells(page, 2) == ["Walking"]
    assert page.locator("#classes [role=status]").inner_text() == "1 of 6 rows"
    box.fill("nothing like it")
    assert page.locator("#classes tbody").inner_text() == "Nothing matches."
    box.fill("")
    page.locator("#classes .legend button", has_text="tail").click()
    assert len(cells(page, 2)) == 4


def test_hovering_names_the_class_and_a_click_finds_it(open_page, page_of):
    page = open_page(page_of("a"))
    page.get_by_placeholder("Name, id or segment").fill("yawning")
    page.locator('#counts .dot[data-class="3"]').hover(force=True)
    text = read_out(page)
    assert "Flying" in text
    assert "120" in text
    ap = page.evaluate("runs[0].classes[3].ap")
    assert f"{ap:.2f}" in text
    page.mouse.down()
    page.mouse.up()
    found = page.locator("#classes tr.found")
    assert found.locator("> :nth-child(2)").inner_text() == "Flying"
    assert found.evaluate("(row) => row === document.activeElement")


def test_points_can_be_reached_by_keyboard(open_page, page_of):
    page = open_page(page_of("a"))
    chart = page.locator("#counts svg[tabindex]")
    chart.focus()
    chart.press("ArrowRight")
    assert NASTY in read_out(page)  # 7 training clips, the fewest with an AP
    chart.press("ArrowRight")
    chart.press("Enter")
    assert page.locator("#classes tr.found > :nth-child(2)").inner_text() == "Flying"
    assert page.locator("#tip").is_hidden()


def test_a_tap_names_a_class_and_a_second_finds_it(browser, page_of):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(page_of("a").as_uri())
    point = page.locator('#counts .dot[data-class="0"]')
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.touchscreen.tap(*middle)
    page.wait_for_timeout(100)
    assert "Walking" in read_out(page)
    assert page.locator("#classes tr.found").count() == 0
    page.touchscreen.tap(*middle)
    assert page.locator("#classes tr.found > :nth-child(2)").inner_text() == "Walking"
    context.close()


def test_curves_can_be_read_and_switched_off(open_page, page_of):
    page = open_page(page_of("a"))
    chart = page.locator('#curves svg[aria-label="mAP by epoch"]')
    chart.focus()
    chart.press("ArrowRight")
    text = read_out(page)
    assert "Epoch 2" in text
    assert "10.00" in text
    assert "Tail" not in text  # it has no number
    page.mouse.wheel(0, 400)
    page.locator("#tip").wait_for(state="hidden")
    lines = chart.locator("path.curve")
    assert lines.count() == 2
    page.locator("#curves .legend button", has_text="Head").click()
    assert lines.count() == 1


def test_settings_are_folded_and_searched(open_page, page_of):
    page = open_page(page_of("b"))
    changed = page.locator("#settings details").first
    assert not changed.locator("table").is_visible()
    changed.locator("summary").click()
    changed.get_by_placeholder("Key or value").fill("base_lr")
    assert changed.locator("tbody tr").all_inner_texts() == ["SOLVER.BASE_LR\t0.7\t0.1"]


def _background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


# The contrast ratio (WCAG 2) of each colour on the sheet.
CONTRASTS = """() => {
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    return getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
  };
  const light = (rgb) => rgb.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, k) => sum + part * [0.2126, 0.7152, 0.0722][k], 0);
  const ratio = (a, b) => {
    const [x, y] = [light(colour(a)), light(colour(b))].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const names = ["ink", "soft", "accent", "good", "head", "middle", "tail",
    "run0", "run1", "run2", "run3", "run4", "run5"];
  return Object.fromEntries(names.map((name) => [name, ratio(name, "sheet")]));
}"""


def test_dark_and_light(open_page, page_of):
    light = _background(open_page(page_of("a"), theme="light"))
    page = open_page(page_of("a"), theme="dark")
    for background in ("rgb(21, 23, 26)", "rgb(246, 246, 243)"):
        assert _background(page) == background
        ratios = page.evaluate(CONTRASTS)
        assert len(ratios) == 13
        for name, ratio in ratios.items():  # WCAG 2: text 4.5, graphics 3
            assert ratio >= (4.5 if name in ("ink", "soft", "accent", "good") else 3), name
        page.get_by_role("button", name="Switch light and dark").click()
    assert background == light


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]])
def test_everything_fits_into_the_window(open_page, page_of, names):
    page = open_page(page_of(*names))
    for details in page.locator("details > summary").all():
        details.click()
    for width in (1280, 768, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_charts_follow_the_window(open_page, page_of):
    from playwright.sync_api import expect  # not installed where browser tests are skipped

    page = open_page(page_of("a"))
    chart = page.locator("#counts svg[tabindex]")
    assert chart.get_attribute("viewBox").split()[2] == str(int(chart.bounding_box()["width"]))
    page.set_viewport_size({"width": 500, "height": 800})
    # The policy of the page refuses a function as a condition to wait for.
    expect(chart).to_have_attribute("viewBox", re.compile(r"0 0 [1-4]\d\d "))


def test_a_segment_without_a_figure(open_page, page_of):
    page = open_page(page_of("c"))
    assert page.locator(".figure .value").all_inner_texts()[3] == NONE
    assert set(SEGMENTS) - set(cells(page, 4)) == set()
    assert cells(page, 3).count("no test clip") == 2


def test_a_run_that_was_not_tested(open_page, tmp_path):
    write_log(tmp_path / "run", epochs=1)
    (tmp_path / "run/config.yaml").write_text(configuration(tmp_path).dump())
    page = open_page(write_page(tmp_path, tmp_path / "run"))
    assert "No test has left a report" in page.locator(".warning").inner_text()
    assert page.locator("h2").all_inner_texts() == ["What was run", "Curves", "Settings"]
    assert "nothing to draw" in page.locator("#curves .empty").inner_text()


def test_two_runs_side_by_side(open_page, page_of):
    page = open_page(page_of("a", "b"))
    assert page.locator("h1").inner_text() == "a and b"
    assert page.locator(".warning").count() == 1  # other labels were drawn for b
    a, b = page.evaluate("runs.map((run) => run.figures.map)")
    row = page.locator("#figures tbody tr").nth(1).inner_text()
    assert f"{b:.2f}" in row
    assert f"{abs(b - a):.2f}" in row
    differences = page.evaluate(
        "runs[1].classes.slice(0, 5).map((c, i) => c.ap - runs[0].classes[i].ap)"
    )
    shown = [float(text.replace(MINUS, "-")) for text in cells(page, 3)[:-1]]
    assert shown == pytest.approx(sorted(differences, reverse=True), abs=0.006)
    assert page.locator('#curves svg[aria-label="Overall mAP by epoch"] path.curve').count() == 2
    page.get_by_label("Figure").select_option("Head")
    assert page.locator('#curves svg[aria-label="Head mAP by epoch"]').count() == 1
    page.get_by_placeholder("Key or value").fill("base_lr")
    assert cells(page, 1, "#settings") == ["SOLVER.BASE_LR"]
    page.locator('#scatter .dot[data-class="2"]').hover(force=True)
    assert "Keeping still" in read_out(page)


def test_intervals_further_metrics_and_the_best_evaluation(open_page, tmp_path):
    test = outcome()
    test.stats |= {"interval_map": ["41.00", "59.00"], "map_micro": "66.60", "roc_auc": "77.70"}
    test.stats |= {"best_epoch": 4, "best_map": 0.2, "best_chosen_on": "the test set (val.csv)"}
    make_run(tmp_path / "run", stats=test.stats)
    path = tmp_path / "run/report/index.html"
    page = open_page(path)
    assert f"41.00 {NONE} 59.00" in page.locator(".figure").first.inner_text()
    assert "66.60" in page.locator(".figure").last.inner_text()
    text = page.locator("#run").inner_text()
    assert "epoch 4 with mAP 20.00 %, chosen on the test set (val.csv), for which its" in text
    assert "77.70 %" in text


def test_different_choices_of_weights_cause_warnings(open_page, tmp_path):
    for name, chosen_on in (("a", "the test set (val.csv)"), ("b", "hold-out h.txt"), ("c", None)):
        stats = outcome().stats
        if chosen_on:
            stats |= {"best_epoch": 4, "best_map": 0.2, "best_chosen_on": chosen_on}
        make_run(tmp_path / name, stats=stats)
        line = {"_type": "val_epoch", "epoch": "6/6", "map": 0.3, "best_epoch": 4, "best_map": 0.3}
        line["best_chosen_on"] = chosen_on or "hold-out h.txt"
        with (tmp_path / name / "json_stats.log").open("a") as log:
            log.write(f"json_stats: {json.dumps(line)}\n")

    def warnings(*names):
        page = open_page(write_page(tmp_path, *(tmp_path / name for name in names)))
        assert "may be noise: tools/compare_results.py" in page.locator("#figures").inner_text()
        return page.locator(".warning").all_inner_texts()

    optimistic, chosen, curves = warnings("a", "b")
    assert optimistic.endswith("their figures are optimistic: a.")
    assert "not chosen on the same clips (a: the test set (val.csv); b: hold-out h.txt)" in chosen
    assert "made on different clips" in curves
    (chosen,) = warnings("b", "c")
    assert "b: hold-out h.txt; c: not chosen, or not known" in chosen


def test_differences_up_and_down_have_one_colour(open_page, page_of):
    page = open_page(page_of("a", "b"))
    signs = {text[0] for text in cells(page, 3)}
    assert {"+", MINUS} <= signs
    colours = page.evaluate(
        "[...document.querySelectorAll('#classes .bar i')].map("
        "(node) => getComputedStyle(node).backgroundColor)"
    )
    assert len(colours) == 5
    assert len(set(colours)) == 1
    texts = page.evaluate(
        "[...document.querySelectorAll('#figures .delta:not(.soft), #classes .bar .text')].map("
        "(node) => getComputedStyle(node).color)"
    )
    assert len(set(texts)) == 1


def test_missing_values_are_left_out(open_page, tmp_path):
    stats = {"map": None, "roc_auc": None, "coverage": None}
    settings = ["DATA.PATH_TO_DATA_DIR", ""]
    labels = np.zeros_like(outcome().targets)
    page = open_page(make_run(tmp_path / "run", stats=stats, targets=labels, settings=settings))
    text = page.locator("#run").inner_text()
    assert "60 clips, 3 x 3 views" in text
    assert f"{NONE} %" not in page.locator("#page").inner_text()
    assert "No test clip carries a class" in page.locator("#worst").inner_text()


def test_ranges_are_explained_without_a_report_too(open_page, tmp_path):
    write_log(tmp_path / "run")
    line = {"split": "test_final", "map": "50.00", "interval_map": ["40.00", "60.00"]}
    with (tmp_path / "run/json_stats.log").open("a") as log:
        log.write(f"json_stats: {json.dumps(line)}\n")
    page = open_page(write_page(tmp_path, tmp_path / "run"))
    assert "Ranges are 95 % bootstrap intervals" in page.locator(".note.under").inner_text()
    gap = page.evaluate(
        "document.querySelector('.warning + *').getBoundingClientRect().top - "
        "document.querySelector('.warning').getBoundingClientRect().bottom"
    )
    assert gap >= 12


def test_a_run_without_a_report_beside_one_with(open_page, runs, tmp_path):
    write_log(tmp_path / "bare", epochs=4)
    page = open_page(write_page(tmp_path, runs / "a", tmp_path / "bare"))
    assert "No test has left a report in bare" in page.locator(".warning").inner_text()
    assert page.locator("h2").all_inner_texts() == ["mAP in %", "Curves"]
    assert page.locator("#curves path.curve").count() >= 4
    assert page.locator("#figures tbody tr").nth(1).inner_text().startswith("bare")


def test_each_number_of_views_has_a_row(open_page, tmp_path):
    tests = [outcome(views="1 x 3 views"), outcome(seed=1, views="10 x 3 views")]
    page = open_page(write_report(configuration(tmp_path), tests))
    rows = page.locator("#run tbody tr").all_inner_texts()
    for row, test in zip(rows, tests, strict=True):
        assert row.split("\t")[:2] == [test.views, test.stats["map"]]
    assert tests[1].stats["map"] in page.locator(".figure").first.inner_text()


def test_two_of_several_runs_are_compared(open_page, page_of):
    page = open_page(page_of("a", "b", "c"))
    page.get_by_label("First").select_option("c")
    page.get_by_label("Second").select_option("a")
    difference = page.evaluate("runs[0].classes[0].ap - runs[2].classes[0].ap")
    page.get_by_placeholder("Name, id or segment").fill("walking")
    assert cells(page, 3) == [
        f"{'+' if difference > 0 else MINUS if difference < 0 else '±'}{abs(difference):.2f}"
    ]
