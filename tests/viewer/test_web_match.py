"""The page of a match in a real browser: what it draws, how it is driven, what it asks for, and whom it does not obey."""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from browser import Browser
from viewer.filmed import Filmed, film, of_scenes, thinking
from viewer.scenes import disc_at, scene

from marl_ppo.envs.scene import Box, Disc, Line, Scene, Sprite, Text, picture_scene
from marl_ppo.errors import ConfigError
from marl_ppo.replays.files import read_replay
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.feed import Moment, Subgoal, Thought, Timeline
from marl_ppo.viewer.interpolate import between
from marl_ppo.viewer.overlays import marks
from marl_ppo.viewer.renderer import Renderer
from marl_ppo.viewer.replayed import ReplayTimeline
from marl_ppo.viewer.web.page import write_html

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
"""[H, W, 3]"""
REPLAYS = sorted((Path(__file__).parents[2] / "replays").glob("*.replay"))
SIZE = (1100, 760)
SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
FAR = 32
"""levels of 255 by which a pixel has to differ to count as another one"""


class Tolerance(NamedTuple):
    """How far a page's picture may be from pygame's."""

    mean: float
    """levels by which they differ on average"""
    share: float
    """of the pixels that are others"""

    def holds(self, a: Pixels, b: Pixels) -> bool:
        return all(found <= allowed for found, allowed in zip(differences(a, b), self, strict=True))

    def is_missed_by(self, a: Pixels, b: Pixels) -> bool:
        """In both ways."""
        return all(found > allowed for found, allowed in zip(differences(a, b), self, strict=True))


SHAPES = Tolerance(1.15, 0.002)
"""of pictures without words: edges are smoothed otherwise, and pygame rounds faint colours by two or three levels"""
WORDS = Tolerance(2.5, 0.02)
"""of whole pictures: the browser hints letters otherwise, and words are a pixel or two wider or narrower"""


@pytest.fixture(scope="module")
def soccer() -> Filmed:
    return thinking(film("soccer", max_steps=1000, goals_to_win=100))


@pytest.fixture(scope="module")
def soccer_page(soccer: Filmed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_html(soccer, tmp_path_factory.mktemp("page") / "soccer.html")


def opened(browser: Browser, page: Path, *, size: tuple[int, int] = SIZE, touch: bool = False, fragment: str = "") -> Browser:
    browser.open(page, size=size, touch=touch, fragment=fragment)
    browser.run("window.opened")
    return browser


def shown(browser: Browser, timeline: Timeline, folder: Path) -> Browser:
    return opened(browser, write_html(timeline, folder / "match.html"))


def drawn(browser: Browser, position: float) -> Pixels:
    browser.run(f"viewer.seek({position})")
    return browser.pixels("#board")


def by_pygame(shown: Scene, like: Pixels) -> Pixels:
    """pygame's picture of the size of another, without a panel, as the page's canvas has none."""
    return Renderer((like.shape[1], like.shape[0])).frame(shown)


def differences(a: Pixels, b: Pixels) -> Tolerance:
    apart = np.abs(a.astype(np.int16) - b)
    return Tolerance(float(apart.mean()), float((apart.max(axis=2) > FAR).mean()))


def wordless(shown: Scene) -> Scene:
    kept = [primitive for primitive in shown.primitives if not isinstance(primitive, Text)]
    bare = [replace(one, label="") if isinstance(one, Disc | Box) else one for one in kept]
    return replace(shown, primitives=tuple(bare), caption="")


# ---- what is drawn


@pytest.mark.parametrize("file", REPLAYS, ids=lambda file: file.stem)
def test_a_page_draws_every_worlds_match_as_pygame_does(browser: Browser, file: Path, tmp_path: Path) -> None:
    timeline = ReplayTimeline(read_replay(file))
    middle = timeline.last // 2
    shown(browser, timeline, tmp_path)
    for step in {0, middle, timeline.last}:
        picture = drawn(browser, step)

        assert WORDS.holds(picture, by_pygame(timeline.moment(step).scene, picture)), f"step {step}"
    bare = wordless(timeline.moment(middle).scene)
    picture = drawn(shown(browser, of_scenes(bare), tmp_path), 0)

    assert SHAPES.holds(picture, by_pygame(bare, picture))
    assert browser.complaints == []


@pytest.mark.parametrize(("world", "step", "wrong"), [("soccer", 300, 301), ("spread", 12, 14), ("connect_four", 10, 11)])
def test_a_wrong_moment_is_told_from_the_right_one(
    browser: Browser, world: str, step: int, wrong: int, tmp_path: Path, soccer: Filmed
) -> None:
    """The tolerance is not so wide that anything would pass."""
    timeline = soccer if world == "soccer" else film(world)
    right, other = (wordless(timeline.moment(one).scene) for one in (step, wrong))
    picture = drawn(shown(browser, of_scenes(right, other), tmp_path), 0)

    assert SHAPES.holds(picture, by_pygame(right, picture))
    assert SHAPES.is_missed_by(picture, by_pygame(other, picture))


def test_between_two_steps_a_page_shows_what_pygame_shows(browser: Browser, soccer: Filmed, soccer_page: Path) -> None:
    opened(browser, soccer_page)
    for position in (150.5, 301.25, 850.75):
        picture = drawn(browser, position)
        step = int(position)
        before, after = soccer.moments[step].scene, soccer.moments[step + 1].scene

        assert WORDS.holds(picture, by_pygame(between(before, after, position - step), picture)), f"position {position}"


EVERYTHING = scene(
    Box(key="ground", x=0.0, y=-0.6, width=1.8, height=0.5, team=2, alpha=0.3, label="a meadow"),
    Box(key="frame", x=-0.6, y=0.5, width=0.5, height=0.7, filled=False, team=3, label="frame"),
    Disc(key="ring", x=0.6, y=0.6, radius=0.25, filled=False, label="a ring with a name as long as this"),
    Disc(key="faint", x=0.1, y=0.5, radius=0.3, team=1, alpha=0.4, label="7"),
    Disc(key="out", x=0.98, y=-0.98, radius=0.2, team=4, label="edge"),
    Line(key="line", x=-0.9, y=-0.2, x2=0.9, y2=0.1, team=5, width=0.06, alpha=0.7),
    Line(key="dot", x=0.0, y=0.9, x2=0.0, y2=0.9, team=0, width=0.1),
    Sprite(key="arrow", x=-0.4, y=-0.2, name="arrow", width=0.3, height=0.2, heading_rad=2.0, team=0),
    Sprite(key="unknown", x=0.5, y=-0.3, name="knight", width=0.3, height=0.3, team=6),
    Text(key="text", x=0.0, y=-0.9, text="äöü → ♠ <b>&amp;", height=0.15, team=1),
    caption="a caption, which is longer than the picture is wide, " * 4,
)
MOVED = scene(
    Box(key="ground", x=0.0, y=-0.5, width=1.6, height=0.6, team=2, alpha=0.5, label="a meadow"),
    Disc(key="ring", x=0.4, y=0.4, radius=0.35, filled=False),
    Disc(key="new", x=-0.5, y=0.0, radius=0.2, team=4),
    Sprite(key="arrow", x=0.2, y=0.2, name="arrow", width=0.4, height=0.3, heading_rad=-2.5, team=0),
    Text(key="text", x=0.0, y=-0.8, text="another text", height=0.2),
)


@pytest.mark.parametrize("position", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_every_kind_of_primitive_looks_and_moves_as_in_pygame(browser: Browser, position: float, tmp_path: Path) -> None:
    bare = wordless(EVERYTHING), wordless(MOVED)
    picture = drawn(shown(browser, of_scenes(EVERYTHING, MOVED), tmp_path), position)
    shapes = drawn(shown(browser, of_scenes(*bare), tmp_path), position)

    assert WORDS.holds(picture, by_pygame(between(EVERYTHING, MOVED, position), picture))
    assert SHAPES.holds(shapes, by_pygame(between(*bare, position), shapes))


def test_words_are_missed_where_there_are_none(browser: Browser, tmp_path: Path) -> None:
    picture = drawn(shown(browser, of_scenes(EVERYTHING), tmp_path), 0)

    assert WORDS.is_missed_by(picture, by_pygame(wordless(EVERYTHING), picture))


def test_pixels_of_somebody_elses_env_are_shown_the_right_way_up(browser: Browser, tmp_path: Path) -> None:
    """Left half red, right half blue, a green row on top; in the second moment all is white."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30, 0], pixels[:, 30:, 2] = 250, 240
    pixels[:10] = (0, 200, 0)
    match = of_scenes(picture_scene(pixels), picture_scene(np.full_like(pixels, 255)), picture_scene(pixels))
    shown(browser, match, tmp_path)
    ready = "new Promise((done) => setTimeout(done, 100))"  # pictures are decoded when they are wanted
    browser.run(f"{ready}.then(() => viewer.seek(2)).then(() => {ready})")
    picture = browser.pixels("#board")
    x, y, width, height = browser.run("(({x, y, width, height}) => [x, y, width, height])(viewer.painter.view)")

    assert picture[y + height // 2, x + width // 4].tolist() == [250, 0, 0]
    assert picture[y + height // 2, x + 3 * width // 4].tolist() == [0, 0, 240]
    assert picture[y + height // 8, x + width // 2].tolist() == [0, 200, 0]
    assert browser.complaints == []


def test_what_is_nowhere_is_not_drawn(browser: Browser, tmp_path: Path) -> None:
    lost = scene(disc_at(float("nan"), key="lost"), disc_at(1e9, key="far"), disc_at(0.0, key="here"))
    picture = drawn(shown(browser, of_scenes(lost), tmp_path), 0)

    assert SHAPES.holds(picture, by_pygame(lost, picture))
    assert browser.complaints == []


# ---- how it is driven


def test_a_match_plays_at_its_speed_to_its_end_and_stops(browser: Browser, soccer_page: Path) -> None:
    """10 steps a second, 16 times as fast: 40 steps take a quarter of a second."""
    opened(browser, soccer_page)
    browser.run("viewer.setSpeed(16), viewer.seek(960), viewer.play()")
    began = time.monotonic()
    while browser.run("viewer.playing") and time.monotonic() < began + 5:
        time.sleep(0.02)
    took = time.monotonic() - began

    assert browser.run("viewer.position") == 1000
    assert browser.run("document.querySelector('#where').textContent") == "1000 / 1000"
    assert 0.2 < took < 2.0


def test_time_is_scrubbed_by_mouse_and_by_finger(browser: Browser, soccer_page: Path) -> None:
    opened(browser, soccer_page, touch=True)
    box = browser.run(
        "(({x, y, width, height}) => [x, y + height / 2, width])(document.querySelector('#bar').getBoundingClientRect())"
    )
    left, middle, width = box
    browser.drag((left + 0.1 * width, middle), (left + 0.3 * width, middle), (left + 0.25 * width, middle))

    assert browser.run("viewer.position") == pytest.approx(250, abs=2)
    browser.touch((left + 0.5 * width, middle), (left + 0.75 * width, middle))
    assert browser.run("viewer.position") == pytest.approx(750, abs=2)
    browser.drag((left + 0.5 * width, middle))
    assert browser.run("viewer.position") == 500, "on the mark of an event it goes to the event"


def test_keys_go_by_steps_events_and_speeds(browser: Browser, soccer_page: Path) -> None:
    opened(browser, soccer_page)

    def after(key: str, *, shift: bool = False, what: str = "viewer.position") -> object:
        browser.press(key, shift=shift)
        return browser.run(what)

    assert [after("ArrowRight"), after("ArrowRight"), after("ArrowLeft")] == [1, 2, 1]
    assert [after("ArrowRight", shift=True), after("End"), after("Home")] == [11, 1000, 0]
    assert [after("]"), after("]"), after("["), after("[")] == [500, 1000, 500, 500]
    assert [after(key, what="viewer.speed") for key in "++--==-"] == [2, 4, 2, 1, 2, 4, 2]
    assert [after(" ", what="viewer.playing"), after(" ", what="viewer.playing")] == [True, False]
    assert after("f", what="viewer.followed") == "blue_0"
    assert after("?", what="document.querySelector('#keys').open") is True


def test_a_button_with_the_focus_is_not_pressed_by_the_space_bar_too(browser: Browser, soccer_page: Path) -> None:
    opened(browser, soccer_page)
    browser.click("#on")
    browser.press(" ")

    assert browser.run("[viewer.step >= 1, viewer.playing]") == [True, True]


def test_a_link_can_lead_to_a_moment(browser: Browser, soccer_page: Path) -> None:
    assert opened(browser, soccer_page, fragment="#step=321").run("viewer.position") == 321


def test_a_part_of_a_match_keeps_its_numbers(browser: Browser, soccer: Filmed, tmp_path: Path) -> None:
    opened(browser, write_html(soccer, tmp_path / "part.html", start=490, stop=520))
    picture = drawn(browser, 20)

    assert browser.run("document.querySelector('#where').textContent") == "510 / 520"
    assert browser.run("viewer.match.events.map((event) => event.step)") == [10]
    assert WORDS.holds(picture, by_pygame(soccer.moments[510].scene, picture))


def test_an_agent_that_is_tapped_on_is_followed_from_nearby(browser: Browser, soccer_page: Path) -> None:
    opened(browser, soccer_page)
    browser.run("viewer.seek(300)")
    far = browser.run("viewer.painter.view.scale")
    x, y = browser.run(
        "(() => { const body = viewer.drawn.primitives.find(({id}) => id === viewer.match.agents.get('orange_1')); "
        "const {spot, view} = viewer.painter, [u, v] = spot(body.x, body.y); return [view.x + u, view.y + v]; })()"
    )
    browser.drag((x, y))

    assert browser.run("viewer.followed") == "orange_1"
    assert browser.run("viewer.painter.view.scale") > 2 * far
    browser.press("f")
    assert browser.run("viewer.followed") is None


def test_thoughts_are_shown_where_they_are_known(browser: Browser, soccer: Filmed, soccer_page: Path, tmp_path: Path) -> None:
    opened(browser, soccer_page)
    browser.run("viewer.seek(300)")
    browser.press("v")
    browser.press("p")
    browser.run(SETTLED)
    plain = browser.pixels("#board")
    browser.press("g")
    thought = soccer.moments[300].thoughts["blue_0"]
    assert thought.probabilities is not None
    best = int(thought.probabilities.argmax())
    said = browser.run("document.querySelector('.mind .number').textContent")

    assert re.match(rf"choice-{best}: (\d+) %", said)
    assert re.match(r"\d+: \d+ %", browser.run("document.querySelectorAll('.mind .number')[1].textContent"))
    assert int(said.split()[1]) == pytest.approx(100 * thought.probabilities.max(), abs=1)
    assert browser.run("viewer.match.thought('blue_0', 'value', 300)[0]") == pytest.approx(thought.value, abs=1e-2)
    assert thought.subgoal is not None
    option = browser.run("viewer.match.option('blue_0', 304)")
    assert (option["words"], option["age"]) == ("key", 4)
    assert browser.run("viewer.match.optionsOf('blue_0')") == soccer.options("blue_0").tolist()
    assert len(np.unique(browser.pixels("#curve").reshape(-1, 3), axis=0)) > 3, "lines on a ground"
    assert (browser.pixels("#board") != plain).any(), "marks where they want to go"

    shown(browser, film("connect_four"), tmp_path)
    assert browser.run("[...document.querySelectorAll('#shown button')].every((button) => button.offsetParent === null)")


def test_names_of_subgoals_stand_where_the_window_has_them(browser: Browser, tmp_path: Path) -> None:
    told = {"a": "own base", "b": "other base", "c": "other base", "d": "nowhere"}
    bodies = [replace(disc_at(0.1 * i, 0.1), key=agent, team=i // 2) for i, agent in enumerate(told)]
    thoughts = {a: Thought(subgoal=Subgoal(None if words == "nowhere" else (0.5, 0.0), words, 1)) for a, words in told.items()}
    pictured = scene(*bodies)
    match = Filmed(moments=[Moment(pictured, thoughts=thoughts, is_first=True)] * 2, players=dict.fromkeys(told, "a bot"))
    shown(browser, match, tmp_path)
    browser.press("g")

    found = browser.run(
        "viewer.marks(viewer.drawn).filter((mark) => mark.kind === 'text').map((mark) => [mark.text, mark.x, mark.y])"
    )

    texts = [mark for mark in marks(pictured, told, None, {"subgoals"}, thoughts) if isinstance(mark, Text)]
    assert [text for text, _, _ in found] == [text.text for text in texts]
    assert np.array([place for _, *place in found]) == pytest.approx(np.array([(text.x, text.y) for text in texts]), abs=1e-3)


@pytest.mark.parametrize("size", [(1440, 900), (800, 600), (390, 844), (320, 568)])
def test_a_page_fits_wide_and_narrow_screens(browser: Browser, soccer_page: Path, size: tuple[int, int]) -> None:
    """Nothing sticks out sideways, and picture, time and buttons are all in view at once."""
    opened(browser, soccer_page, size=size)

    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("document.querySelector('#buttons').getBoundingClientRect().bottom <= innerHeight")
    assert browser.run("viewer.painter.view.width") > 0.5 * min(size) - 20


def test_on_a_dense_screen_the_picture_has_all_its_pixels(browser: Browser, soccer_page: Path) -> None:
    opened(browser, soccer_page)
    sparse = browser.pixels("#board").shape
    browser.resize(SIZE, density=2.0)
    browser.run("viewer.resize()")

    assert browser.pixels("#board").shape == (2 * sparse[0], 2 * sparse[1], 3)


def test_what_the_followed_agent_sees_is_shown_on_demand(browser: Browser, tmp_path: Path) -> None:
    body, sight = disc_at(0.0, key="scout"), disc_at(0.0, key="range", team=1, alpha=0.4)
    seen = [replace(scene(body), sight={"scout": (replace(sight, radius=radius),)}) for radius in (0.4, 0.6)]
    match = replace(of_scenes(*seen), players={"scout": "scripted"})
    shown(browser, match, tmp_path)

    assert browser.run("viewer.marks(viewer.drawn).length") == 0
    browser.press("f")
    browser.press("o")
    browser.run("viewer.seek(0.5)")
    assert browser.run("viewer.marks(viewer.drawn).map(({radius}) => radius)") == pytest.approx([0.5, 1.45 * 0.2], abs=1e-3)


# ---- what it asks for, and whom it does not obey


def test_a_page_asks_for_nothing_and_complains_of_nothing(browser: Browser, soccer_page: Path) -> None:
    opened(browser, soccer_page)
    browser.run("viewer.setSpeed(16), viewer.play(), new Promise((done) => setTimeout(done, 300))")

    assert browser.requests == [soccer_page.as_uri()]
    assert browser.complaints == []


def test_what_a_page_asks_for_all_the_same_is_refused_and_seen(browser: Browser, soccer_page: Path) -> None:
    opened(browser, soccer_page)
    answer = browser.run("fetch('https://example.invalid/').then(() => 'answered', () => 'refused')")
    browser.run(
        "document.body.append(document.createElement('img')), document.body.lastChild.src = 'https://example.invalid/a.png'"
    )
    browser.run(
        "document.body.append(document.createElement('script')), document.body.lastChild.textContent = 'window.pwned = 1'"
    )

    assert answer == "refused"
    assert browser.run("window.pwned") is None
    assert len([text for text in browser.complaints if "Content Security Policy" in text]) >= 3


NASTY = (
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "</title><script>window.pwned = 1</script>",
    '"><svg onload=window.pwned=1>',
    "{{data}} {{script}} <!--",
    "__proto__",
    "constructor",
    "a lone \ud800 surrogate, \u2028 and \u202e",
)


def test_strangers_names_are_text_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    everywhere = "".join(NASTY)
    bodies = [disc_at(i / 10, key=name) for i, name in enumerate(NASTY)]
    labelled = Disc(key="label", x=0.0, y=0.5, radius=0.2, label=everywhere)
    text = Text(key="text", x=0.0, y=0.0, text=everywhere)
    said = Scene(bounds=(-1, -1, 1, 1), primitives=(*bodies, labelled, text), caption=everywhere)
    match = Filmed(
        moments=[Moment(said, [everywhere, f"{everywhere}: 1"], True), Moment(said, [])],
        title=everywhere,
        teams=NASTY[:2],
        players={name: name for name in NASTY},
        events=[Event(1, everywhere, everywhere, 0)],
    )
    shown(browser, match, tmp_path)
    for name in NASTY:
        browser.press("f")

        assert browser.run("viewer.followed") == name
    assert browser.run("[window.pwned ?? null, document.scripts.length, document.images.length]") == [None, 3, 0]
    assert everywhere.partition("\ud800")[0] in browser.run("document.querySelector('#title').textContent")
    assert browser.run("[...document.querySelectorAll('.agent span')].map((one) => one.textContent)[2]") == NASTY[1]
    assert browser.complaints == []
    assert browser.requests == [(tmp_path / "match.html").as_uri()]


def test_a_damaged_page_says_so(browser: Browser, soccer_page: Path, tmp_path: Path) -> None:
    page = tmp_path / "damaged.html"
    page.write_text(re.sub(r'(id="data">.{1000}).{4}', r"\1AAAA", soccer_page.read_text(), count=1))
    opened(browser, page)

    assert "cannot be shown here" in browser.run("document.querySelector('#message').textContent")
    assert browser.run("document.querySelector('#message').hidden") is False


# ---- files


@pytest.mark.parametrize("team_size", [2, 5])
def test_a_thousand_steps_of_soccer_with_everybodys_thoughts_are_at_most_300_kb(
    team_size: int, soccer: Filmed, tmp_path: Path
) -> None:
    match = soccer if team_size == 2 else thinking(film("soccer", max_steps=1000, goals_to_win=100, team_size=team_size))
    full = write_html(match, tmp_path / "full.html").stat().st_size
    thoughtless = [moment._replace(thoughts={}) for moment in match.moments]
    bare = write_html(replace(match, moments=thoughtless), tmp_path / "bare.html").stat().st_size

    assert match.last == 1000
    assert bare <= 200_000
    assert full <= 300_000


def test_equal_matches_give_equal_files(soccer: Filmed, soccer_page: Path, tmp_path: Path) -> None:
    assert write_html(soccer, tmp_path / "again.html").read_bytes() == soccer_page.read_bytes()


@pytest.mark.parametrize(
    ("name", "part", "message"),
    [
        ("match.htm", {}, r"a page's name ends in \.html, got '.*match\.htm'"),
        ("match.html", {"start": 5, "stop": 4}, r"must be within 0 … 22, got 5 … 4"),
        ("match.html", {"stop": 23}, r"must be within 0 … 22, got 0 … 23"),
        ("match.html", {"start": -1}, r"must be within 0 … 22, got -1 … 22"),
    ],
)
def test_what_cannot_be_written_is_said(name: str, part: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        write_html(film("connect_four"), tmp_path / name, **part)


def test_a_match_too_long_for_a_browser_is_refused(tmp_path: Path) -> None:
    match = of_scenes(scene(disc_at(0.0)))
    match.moments = list(match.moments) * 50_001

    with pytest.raises(ConfigError, match=r"a page holds 50,000 moments at most, got 50,001"):
        write_html(match, tmp_path / "match.html")
