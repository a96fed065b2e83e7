"""The report: one page that needs nothing else, checked as text and in a browser."""

from __future__ import annotations

import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.bench import Comparison, compare, write_report
from tests.browser import SLACK, resize
from tests.conftest import soak

RNG = np.random.default_rng(5)
PROBS = RNG.dirichlet(np.ones(3) / 2, size=(120, 40)).transpose(0, 2, 1)
TRUE = np.array([RNG.choice(3, p=row / row.sum()) for row in PROBS[..., 0]])
NAMES = ["bald", "entropy", "random", "batchbald"]
SECTIONS = [
    *(
        "summary",
        "replay-1",
        "replay-4",
        "draws",
        "information",
        "calibration",
        "heuristics",
        "alike",
        "classes",
        "scores",
    ),
    "reading",
]


@pytest.fixture(scope="module")
def result() -> Comparison:
    given = {"labels": TRUE[:80], "test": PROBS[80:], "test_labels": TRUE[80:]}
    return compare(PROBS[:80], k=4, heuristics=NAMES, steps=6, seeds=3, at_a_time=(1, 4), rng=0, **given)


@pytest.fixture(scope="module")
def file(result: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("report") / "report.html"
    write_report(result, found, source="preds.npz")
    return found


@pytest.fixture(scope="module")
def small(result: Comparison) -> Comparison:
    """The same with few pictures, for what holds of any page."""
    return replace(result, replays=(), tempering=None, scores={"bald": result.scores["bald"]})


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.data: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.data.append(data)

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


def written(result: Comparison, folder: Path, **options: Any) -> str:
    write_report(result, folder / "report.html", **options)
    return (folder / "report.html").read_text("utf-8")


def renamed(result: Comparison, name: str) -> Comparison:
    """With another name for its first heuristic."""
    names = (name, *result.names[1:])
    curves = dict(zip(names, result.information_curves.values(), strict=True))
    return replace(result, names=names, information_curves=curves, scores={name: result.scores[result.names[0]]})


def test_a_page_with_every_part_that_needs_nothing_else(file: Path) -> None:
    text = file.read_text("utf-8")
    page = Page(text)
    assert [one for one in page.ids() if one in SECTIONS] == SECTIONS
    assert len(page.ids()) == len(set(page.ids()))
    assert len(text.encode()) < 2 << 20
    loaded = [
        own.get(name)
        for tag, own in page.tags
        if tag not in ("a", "svg", "use")
        for name in ("src", "href", "xlink:href")
    ]
    assert all(one is None or one.startswith("#") for one in loaded)
    assert "url(http" not in text
    assert "@import" not in text
    assert [tag for tag, _ in page.tags].count("svg") == 2 * 5 + 1 + 1 + 2 + 1
    used = {part.split(")")[0] for part in text.split("url(#")[1:]}
    assert used <= set(page.ids())
    for name in NAMES:
        assert name in page.data
    assert "preds.npz" in text


def test_the_same_result_is_the_same_page(result: Comparison, file: Path, tmp_path: Path) -> None:
    assert written(result, tmp_path, source="preds.npz") == file.read_text("utf-8")


def test_what_is_not_there_is_left_out_and_said(tmp_path: Path) -> None:
    bare = compare(PROBS[:80], k=4, heuristics=NAMES, rng=0)
    page = Page(written(bare, tmp_path))
    assert {"left-out", "heuristics", "information"} <= set(page.ids())
    assert not {"replay-1", "calibration"} & set(page.ids())
    assert any("it needs labels of the pool" in text for text in page.data)
    cells = np.repeat(PROBS[:20, :, None], 4, axis=2)
    events = compare(cells, k=4, heuristics=[alcore.Reduce(alcore.BALD(), "mean"), "random"], rng=0)
    assert not {"information", "classes"} & set(Page(written(events, tmp_path)).ids())


def test_names_are_text_and_never_markup(small: Comparison, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    text = written(renamed(small, evil), tmp_path, source=evil, sentences=[evil])
    assert evil not in text
    assert text.count("<script") == 1
    assert evil in "".join(Page(text).data)


def test_names_are_the_same_in_pictures(small: Comparison, tmp_path: Path) -> None:
    odd = 'id="x" href="#y" url(#z)'
    shown = [data for data in Page(written(renamed(small, odd), tmp_path)).data if "url(#" in data]
    assert len(shown) > 4
    assert set(shown) == {odd}


def test_long_replays_of_many_heuristics_stay_small(result: Comparison, small: Comparison, tmp_path: Path) -> None:
    count, first = 400, result.replays[0]
    rng = np.random.default_rng(0)
    runs = {name: np.abs(rng.normal(size=(3, count)).cumsum(axis=1)) + 1 for name in first.curves["bald"].metrics}
    curves = {f"heuristic-{i}": alcore.Curves(np.arange(count), runs, np.arange(3)) for i in range(20)}
    ended = dict.fromkeys(curves, np.full(3, count - 1))
    sizes = (1, 10, 20)[: soak(1, 3)]
    long = [replace(first, size=size, curves=curves, ended=ended, exhausted=False) for size in sizes]
    text = written(replace(small, replays=tuple(long)), tmp_path)
    assert len(text.encode()) < 600_000 * len(sizes)
    assert "Curves end" not in text
    assert "compared up to 399 labels" in text


def test_the_best_are_in_colour_and_the_others_are_named_under_the_pointer(small: Comparison, tmp_path: Path) -> None:
    names = tuple(f"h{i}" for i in range(6))
    curves = {name: (np.array([0, 1]), np.array([0.0, i / 10])) for i, name in enumerate(names)}
    many = replace(small, names=names, information=np.arange(6.0), information_curves=curves, fresh_draws={}, scores={})
    many = replace(many, information_error=None, near_duplicates=None, overlap=np.eye(6), rank_correlation=None)
    many = replace(
        many, seconds=np.ones(6), memory=None, batches=small.batches[:1] * 6, predicted_classes=None, classes=None
    )
    text = written(many, tmp_path, sentences=["one"], highlight=["h0"])
    for name in names:
        assert f"<title>{name}</title>" in text
    picture = text[text.index("<svg") : text.index("</svg>")]
    beside = [name for name in names if f">{name}</text>" in picture]
    assert beside == ["h0", "h3", "h4", "h5"]
    with pytest.raises(ValueError, match="highlight: expected names of h0, .*, got 'bald'"):
        write_report(many, tmp_path / "report.html", highlight=["bald"])


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_what_is_not_installed_is_named(
    missing: str, small: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"alcore\[report\]"):
        write_report(small, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_is_left(small: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_report(small, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="does not exist"):
        write_report(small, tmp_path / "nowhere" / "report.html")


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Any, file: Path) -> Any:
    browser.get(file.as_uri())
    return browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_pages_fit_and_pictures_are_there(page: Any, width: int, scheme: str) -> None:
    resize(page, width, scheme)
    assert page.get_log("browser") == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= width + SLACK
    sizes = page.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(svg => {const box = svg.getBoundingClientRect();"
        "return [box.width, box.height, parseFloat(svg.style.getPropertyValue('--widest'))]})"
    )
    assert len(sizes) == 15
    assert min(min(size) for size in sizes) > 100
    assert all(width <= widest + SLACK for width, _, widest in sizes)
    dark = page.execute_script("return getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_text_of_pictures_can_be_searched(page: Any) -> None:
    found = page.execute_script("return [...document.querySelectorAll('figure svg text')].map(one => one.textContent)")
    assert set(NAMES) <= set(found)


SORT_BY_ALL_HEADINGS = """
return [...document.querySelectorAll('table.sortable')].flatMap(table =>
  [...table.querySelectorAll('th button')].flatMap((button, column) => ['ascending', 'descending'].map(way => {
    button.click();
    const values = [...table.tBodies[0].rows].map(row => row.cells[column].dataset.value ?? null);
    return [way, button.closest('th').getAttribute('aria-sort'), values];
  })))
"""


def check_sorted(way: str, values: list[str | None]) -> None:
    """Numbers in order, and below them what has none."""
    numbers = [float(value) for value in values if value is not None]
    assert numbers == sorted(numbers, reverse=way == "descending")
    assert values[len(numbers) :] == [None] * (len(values) - len(numbers))


def test_a_click_sorts_by_number_then_the_other_way(page: Any) -> None:
    found = page.execute_script(SORT_BY_ALL_HEADINGS)
    assert len(found) == 2 * len(page.find_elements("css selector", "table.sortable th"))
    assert len(found) > 50
    for way, shown, values in found:
        assert shown == way
        check_sorted(way, values)


def test_the_enter_key_sorts_as_a_click_does(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    for table in page.find_elements("css selector", "table.sortable"):
        for column, head in enumerate(table.find_elements("css selector", "th")[: soak(2, 99)]):
            button = head.find_element("tag name", "button")
            for way in ("ascending", "descending"):
                button.send_keys(Keys.ENTER)
                assert head.get_attribute("aria-sort") == way
                values = page.execute_script(
                    "return [...arguments[0].tBodies[0].rows].map(row => row.cells[arguments[1]].dataset.value)",
                    table,
                    column,
                )
                check_sorted(way, values)


def test_it_prints(page: Any) -> None:
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.ui import WebDriverWait

    # The browser prints in a process of its own, which was once seen to refuse on busy cores ("Printing failed").
    patient = WebDriverWait(page, 60, ignored_exceptions=[WebDriverException])
    pdf = patient.until(lambda page: page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert len(pdf) > 10_000
