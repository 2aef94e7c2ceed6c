"""Pictures are checked as documents: what they say, where it stands, and that nothing lies over anything else."""

import math
import re
from collections.abc import Callable
from datetime import date
from itertools import combinations
from xml.etree import ElementTree

import pytest

from ecotone.evaluation.plots import (
    Axis,
    Bar,
    Gap,
    Line,
    Mark,
    Point,
    Reach,
    Release,
    Standing,
    Turn,
    dumbbell,
    interval_bars,
    lines,
    pareto,
    reaches,
    scatter_with_intervals,
    timeline,
    unstyled,
)
from ecotone.evaluation.plots.labels import Box, Wanted, place_labels, spread
from ecotone.evaluation.plots.lettering import shortened, width, wrapped
from ecotone.evaluation.plots.scales import Axis as ScaleAxis
from ecotone.evaluation.plots.scales import Scale, date_ticks, linear_ticks, log_ticks, scale_over

SVG = "{http://www.w3.org/2000/svg}"
PRICE = Axis("price, $ per million tokens (log scale)", "log", "$")
SHARE = Axis("share of cases answered right", unit="%")
RATING = Axis("rating, points")
SOURCE = "Made up for this test, 22 Nov 2026."

# Made-up models, some of them close together.
POINTS = [
    Point("Alder 8B", 0.1, 0.41, "open", 0.33, 0.5),
    Point("Birch 70B", 0.6, 0.72, "open", 0.64, 0.79),
    Point("Cedar mini", 0.62, 0.7, "closed", 0.62, 0.77),
    Point("Douglas fir large with a long name", 3.0, 0.81, "closed", 0.74, 0.87),
    Point("Elm", 3.1, 0.8, "open", 0.73, 0.86),
    Point("Fir", 15.0, 0.86, "closed", 0.8, 0.91),
    Point("Gorse", 0.61, 0.71, "open"),
    Point("Hazel", 14.0, 0.5, "closed", 0.42, 0.58),
]


def a_scatter(points: list[Point] = POINTS, title: str = "Quality against price") -> str:
    return scatter_with_intervals(points, title=title, x=PRICE, y=SHARE, source=SOURCE)


def some_lines(series: list[Line] | None = None, label: str = "break-even: 500 k") -> str:
    drawn = [
        Line("API", tuple((10.0**k, 0.002 * 10.0**k) for k in range(4, 9)), "closed"),
        Line("own machine", tuple((10.0**k, 1000.0) for k in range(4, 9)), "open"),
        Line("rented machine", tuple((10.0**k, 1040.0) for k in range(4, 9)), "open"),
    ]
    return lines(
        drawn if series is None else series,
        title="Cost by volume",
        x=Axis("messages a month", "log"),
        y=Axis("cost, $ a month", "log", "$"),
        marks=[Mark(label, 500_000, 1000)] if series is None else [],
        source=SOURCE,
    )


def some_bars(label: str = "alder-8b", group: str = "maths") -> str:
    bars = [
        Bar(label, 0.63, "open", 0.46, 0.78, group),
        Bar("fir", 0.97, "closed", 0.87, 1.0, group),
        Bar("x", 0.0, "open", 0.0, 0.1, "code"),
    ]
    return interval_bars(bars, title="Scores", x=SHARE, source=SOURCE)


def a_dumbbell(category: str = "Coding", label: str = "Birch") -> str:
    gaps = [
        Gap(category, Standing(label, 1402, 1390, 1414), Standing("Fir", 1460.4, 1450, 1470)),
        Gap("Maths", Standing(label, 1460), Standing("Fir", 1452)),
    ]
    return dumbbell(gaps, title="The gap", x=RATING, source=SOURCE)


def a_timeline(label: str = "Alder") -> str:
    releases = [
        Release(label, date(2024, 2, 1), 1200, "open"),
        Release("Birch", date(2024, 9, 1), 1250, "open"),
        Release("Cedar", date(2024, 11, 1), 1240, "open"),
        Release("Fir", date(2024, 5, 5), 1290, "closed"),
    ]
    return timeline(releases, title="Best over time", y=RATING, source=SOURCE)


ALL: list[Callable[[], str]] = [a_scatter, some_lines, some_bars, a_dumbbell, a_timeline]


def layout(svg: str, name: str) -> ElementTree.Element:
    found = ElementTree.fromstring(svg).find(f"{SVG}g[@class='{name}']")
    assert found is not None
    return found


def words(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def text_box(element: ElementTree.Element) -> Box:
    size, x, y = (float(element.attrib[name]) for name in ("font-size", "x", "y"))
    # Without the slack that the placement keeps, so that neighbours may touch.
    wide = width(element.text or "", size) / 1.05
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[element.get("text-anchor", "start")]
    return Box(left, y - 0.8 * size, left + wide, y + 0.2 * size)


@pytest.mark.parametrize("draw", ALL)
def test_a_picture_is_a_document_with_a_name_and_a_description(draw: Callable[[], str]) -> None:
    root = ElementTree.fromstring(draw())
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and title.text and description is not None and description.text
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert SOURCE in words(layout(draw(), "wide"))
    assert "http" not in draw().replace("http://www.w3.org/2000/svg", ""), "nothing is fetched"


@pytest.mark.parametrize("draw", ALL)
def test_the_same_values_give_the_same_bytes(draw: Callable[[], str]) -> None:
    assert draw() == draw()


@pytest.mark.parametrize("draw", ALL)
@pytest.mark.parametrize("name", ["wide", "narrow"])
def test_no_words_lie_over_others_or_leave_the_paper(draw: Callable[[], str], name: str) -> None:
    svg = draw()
    root = layout(svg, name)
    boxes = [(element.text, text_box(element)) for element in root.iter(f"{SVG}text")]
    for (first, a), (second, b) in combinations(boxes, 2):
        assert not a.overlaps(b), (first, second)
    wide, high = (float(part) for part in ElementTree.fromstring(svg).attrib["viewBox"].split()[2:])
    scale = 800 / 360 if name == "narrow" else 1
    paper = Box(0, 0, wide / scale, high / scale)
    for label, box in boxes:
        assert box.inside(paper), label


@pytest.mark.parametrize("name", ["wide", "narrow"])
def test_labels_of_points_lie_over_no_mark(name: str) -> None:
    root = layout(a_scatter(), name)
    names = {point.label for point in POINTS}
    labels = [text_box(element) for element in root.iter(f"{SVG}text") if element.text in names]
    circles = [
        (float(c.attrib["cx"]), float(c.attrib["cy"]))
        for group in root.iter(f"{SVG}g")
        for c in group.findall(f"{SVG}circle")
    ]
    assert len(labels) >= 5
    for x, y in circles:
        assert not any(box.overlaps(Box(x - 3, y - 3, x + 3, y + 3)) for box in labels)


def test_open_and_closed_differ_in_shape() -> None:
    root = layout(a_scatter([POINTS[0], POINTS[5]]), "wide")
    # One of each in the legend, one of each in the data.
    assert len([c for c in root.iter(f"{SVG}circle") if c.get("class") == "open"]) == 2
    assert len([p for p in root.iter(f"{SVG}path") if p.get("class") == "closed"]) == 2


def test_a_point_stands_where_its_values_say() -> None:
    points = [Point("a", 1, 0.2, "open"), Point("b", 10, 0.4, "open"), Point("c", 100, 0.6, "open")]
    root = layout(a_scatter(points), "wide")
    data = [g.find(f"{SVG}circle") for g in root.iter(f"{SVG}g")]
    places = sorted(
        (float(c.attrib["cx"]), float(c.attrib["cy"])) for c in data if c is not None and c.get("class") == "open"
    )
    (ax, ay), (bx, by), (cx, cy) = places[-3:]
    assert bx - ax == pytest.approx(cx - bx, abs=0.03)
    assert ay - by == pytest.approx(by - cy, abs=0.03)
    assert ay > by


@pytest.mark.parametrize(
    "draw",
    [
        lambda name: a_scatter([Point(name, 1, 0.5, "open"), Point("b", 2, 0.6, "closed")], name),
        lambda name: some_lines(label=name),
        lambda name: some_bars(name, name),
        lambda name: a_dumbbell(name, name),
        a_timeline,
    ],
)
def test_hostile_names_stay_words(draw: Callable[[str], str]) -> None:
    hostile = "</text><script>x</script>&\"'\x00\x1b"
    svg = draw(hostile)
    root = ElementTree.fromstring(svg)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert "&lt;script&gt;" in svg
    assert "\x00" not in svg and "\x1b" not in svg


def test_pictures_of_nothing_say_so() -> None:
    for svg in (
        a_scatter([]),
        some_lines([]),
        some_lines([Line("empty", (), "open")]),
        interval_bars([], title="Scores", x=SHARE, source=SOURCE),
        dumbbell([], title="The gap", x=RATING, source=SOURCE),
        timeline([], title="Best over time", y=RATING, source=SOURCE),
    ):
        assert any("Nothing to show yet" in line for line in words(layout(svg, "wide")))
        assert any("Nothing to show yet" in line for line in words(layout(svg, "narrow")))


def test_pictures_of_one_thing() -> None:
    assert "Alder 8B" in words(layout(a_scatter(POINTS[:1]), "wide"))
    assert "API" in words(layout(some_lines([Line("API", ((5.0, 3.0),), "closed")]), "wide"))
    alone = timeline([Release("Fir", date(2024, 5, 5), 1290, "closed")], title="Best", y=RATING, source=SOURCE)
    assert "Fir" in words(layout(alone, "narrow"))
    right = interval_bars([Bar("alder", 1.0, "open", 0.84, 1.0)], title="Scores", x=SHARE, source=SOURCE)
    assert "100 % [84, 100]" in words(layout(right, "wide"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        a_scatter([Point("a", 1.0, value, "open")])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_logarithmic_axis_refuses_what_it_has_no_place_for(value: float) -> None:
    with pytest.raises(ValueError, match="logarithmic axis"):
        a_scatter([*POINTS, Point("free", value, 0.5, "open")])
    with pytest.raises(ValueError, match="logarithmic axis"):
        some_lines([Line("free", ((1.0, value), (2.0, 3.0)), "open")])


def test_pareto_keeps_what_nothing_cheaper_beats() -> None:
    assert [point.label for point in pareto(POINTS)] == [
        "Alder 8B",
        "Birch 70B",
        "Douglas fir large with a long name",
        "Fir",
    ]
    same = [Point("a", 1, 0.5, "open"), Point("b", 1, 0.6, "open"), Point("c", 2, 0.6, "open")]
    assert [point.label for point in pareto(same)] == ["b"]


def test_the_lead_is_written_beside_the_gap() -> None:
    shown = words(layout(a_dumbbell(), "wide"))
    assert "58" in shown  # 1460.4 - 1402 = 58.4
    assert "8" in shown


def test_only_models_that_were_best_make_a_step() -> None:
    shown = words(layout(a_timeline(), "wide"))
    assert "Birch" in shown
    assert "Cedar" not in shown


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 6, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (0, 1, 4, (0, 0.5, 1)),
        (1287, 1503, 6, (1300, 1350, 1400, 1450, 1500)),
        (-3, 3, 7, (-3, -2, -1, 0, 1, 2, 3)),
        (0.11, 0.13, 4, (0.11, 0.115, 0.12, 0.125, 0.13)),
    ],
)
def test_linear_ticks_by_hand(low: float, high: float, most: int, expected: tuple[float, ...]) -> None:
    assert linear_ticks(low, high, most) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.1, 20, 9, (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)),
        (0.1, 20, 5, (0.1, 0.3, 1, 3, 10)),
        (10, 1e6, 6, (10, 100, 1e3, 1e4, 1e5, 1e6)),
        (1, 1e9, 5, (1, 1e2, 1e4, 1e6, 1e8)),
        (1, 1e9, 4, (1, 1e3, 1e6, 1e9)),
        (3.2, 4.1, 5, (3.2, 3.4, 3.6, 3.8, 4.0)),
    ],
)
def test_log_ticks_by_hand(low: float, high: float, most: int, expected: tuple[float, ...]) -> None:
    assert log_ticks(low, high, most) == pytest.approx(expected)


def test_date_ticks_by_hand() -> None:
    assert date_ticks(date(2024, 1, 15), date(2024, 5, 2), 5) == tuple(date(2024, month, 1) for month in (2, 3, 4, 5))
    assert date_ticks(date(2023, 3, 14), date(2025, 11, 18), 6) == (
        date(2023, 7, 1),
        date(2024, 1, 1),
        date(2024, 7, 1),
        date(2025, 1, 1),
        date(2025, 7, 1),
    )


@pytest.mark.parametrize(
    ("axis", "value", "expected"),
    [
        (Axis("x", unit="%"), 0.6, "60 %"),
        (Axis("x", unit="%"), 0.125, "12.5 %"),
        (Axis("x", "log", "$"), 0.05, "$0.05"),
        (Axis("x", "log", "$"), 1000, "$1 k"),
        (Axis("x", "log"), 2_500_000, "2.5 M"),
        (Axis("x", "log"), 1e9, "1 B"),
        (Axis("x"), 1450, "1450"),
        (Axis("x"), 20_000, "20 k"),
        (Axis("x"), -3, "−3"),
        (Axis("x"), 0, "0"),
        (Axis("x"), 0.1 * 3, "0.3"),
    ],
)
def test_values_beside_ticks(axis: ScaleAxis, value: float, expected: str) -> None:
    assert axis.written(value) == expected


def test_scales_hold_all_values() -> None:
    assert scale_over([0.2, 1.0], SHARE, 0, 100).high == 1.0
    single = scale_over([5.0], RATING, 0, 100)
    assert single.place(5.0) == pytest.approx(50)
    assert scale_over([0.0], RATING, 0, 100).place(0.0) == pytest.approx(50)
    assert Scale(1, 100, 0, 200, log=True).place(10) == pytest.approx(100)


def test_labels_that_have_no_room_are_left_out() -> None:
    crowd = [Wanted(f"model number {i}", 50, 50, 3) for i in range(200)]
    area = Box(0, 0, 200, 100)
    placed = place_labels(crowd, [Box(47, 47, 53, 53)], [], area, 10)
    assert 1 <= len(placed) < 200
    assert placed[0].wanted.words == "model number 0"
    for a, b in combinations(placed, 2):
        assert not a.covers([b.box])
    assert all(label.box.inside(area) for label in placed)


def test_labels_keep_off_lines_where_they_can() -> None:
    right = Box(55, 40, 200, 60)
    (placed,) = place_labels([Wanted("name", 50, 50, 3)], [], [right], Box(0, 0, 200, 100), 10)
    assert not placed.covers([right])


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([10.0, 50.0], [10, 50]),
        ([50.0, 50.0], [45, 55]),
        ([52.0, 50.0], [56, 46]),
        ([0.0, 0.0], [0, 10]),
        ([100.0, 99.0, 98.0], [100, 90, 80]),
        ([50.0] * 21, [5.0 * i for i in range(21)]),
    ],
)
def test_spread_by_hand(places: list[float], expected: list[float]) -> None:
    assert spread(places, 10, 0, 100) == pytest.approx(expected)


def test_words_are_measured_broken_and_shortened() -> None:
    # Helvetica: H 722, e 556, l 222, l 222, o 556 thousandths, and 5 % more.
    assert width("Hello", 10) == pytest.approx(22.78 * 1.05)
    assert width("模型", 10) == pytest.approx(21)
    assert shortened("Hello", 10, 100) == "Hello"
    assert shortened("Hello there", 10, 40) == "Hello…"
    assert wrapped("one two three four", 10, 50, 2) == ["one two", "three four"]
    assert wrapped("one two three four five six", 10, 45, 2)[1].endswith("…")
    assert wrapped("", 10, 45, 2) == []


def test_long_words_never_leave_a_picture() -> None:
    long = "a-very-long-model-name-that-somebody-chose-" * 5
    svg = a_scatter([Point(long, 1, 0.5, "open"), Point("b", 2, 0.6, "closed")], long)
    for name, right in (("wide", 800), ("narrow", 360)):
        assert all(text_box(element).right <= right for element in layout(svg, name).iter(f"{SVG}text"))
    for svg in (some_bars(long, long), a_dumbbell(long, long), a_timeline(long), some_lines(label=long)):
        for name, right in (("wide", 800), ("narrow", 360)):
            for element in layout(svg, name).iter(f"{SVG}text"):
                box = text_box(element)
                assert box.left >= 0 and box.right <= right, element.text


def test_two_pictures_on_one_page_have_names_of_their_own() -> None:
    first, second = (set(re.findall(r'id="([^"]+)"', svg)) for svg in (a_scatter(), some_bars()))
    assert len(first) == len(second) == 2
    assert not first & second


# --- how far assumptions may move


def some_reaches() -> str:
    rows = [
        Reach("Speed", "as stated", None, Turn(2.0, "Birch", "open")),
        Reach("Prices", "as today", Turn(0.1, "Fir <b>", "closed"), Turn(86.0, None)),
    ]
    return reaches(rows, title="What would change it", source=SOURCE)


def test_a_turn_stands_at_its_factor() -> None:
    wide = layout(some_reaches(), "wide")
    # Four powers of ten from a hundredth to a hundred: a factor of ten is a quarter of the axis.
    rules = [float(line.attrib["x1"]) for line in wide.iter(f"{SVG}line") if line.get("class") in ("grid", "rule")]
    low, high = min(rules), max(rules)
    (open_mark,) = [float(c.attrib["cx"]) for c in list(wide.iter(f"{SVG}circle"))[1:] if c.get("class") == "open"]
    (nothing_left,) = [float(c.attrib["cx"]) for c in wide.iter(f"{SVG}circle") if c.get("class") == "event"]
    assert (open_mark - low) / (high - low) == pytest.approx((2 + math.log10(2)) / 4, abs=0.001)
    assert (nothing_left - low) / (high - low) == pytest.approx((2 + math.log10(86)) / 4, abs=0.001)
    bars = [
        (float(r.attrib["x"]), float(r.attrib["width"])) for r in wide.iter(f"{SVG}rect") if r.get("class") == "wash"
    ]
    assert bars[0][0] == pytest.approx(low, abs=0.02)
    assert bars[1][0] == pytest.approx(low + (high - low) / 4, abs=0.02)
    assert "÷ 10  Fir <b>" in words(wide)
    assert "× 86  nothing is left" in words(wide)


def test_words_of_a_turn_stay_on_their_side() -> None:
    for name in ("wide", "narrow"):
        drawing = layout(some_reaches(), name)
        now = next(float(t.attrib["x"]) for t in drawing.iter(f"{SVG}text") if t.text == "now")
        for text in drawing.iter(f"{SVG}text"):
            box = text_box(text)
            if (text.text or "").startswith("÷ 10 "):
                assert box.right <= now
            if (text.text or "").startswith(("× 2", "× 86")):
                assert box.left >= now


def test_a_page_with_its_own_rules_gets_no_styles() -> None:
    for draw in (*ALL, some_reaches):
        bare = unstyled(draw())
        assert not ElementTree.fromstring(bare).findall(f".//{SVG}style")
        assert "style=" not in bare
        assert bare == re.sub(r"<style>.*?</style>", "", draw(), flags=re.DOTALL)
