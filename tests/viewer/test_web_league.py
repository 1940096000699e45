"""The site of a league in a real browser: its figures are those of the standings, its replays play in place."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from browser import Browser

from marl_ppo.errors import FileFormatError
from marl_ppo.leagues.standings import Standings, read_standings
from marl_ppo.leagues.store import EventRow, MatchRow, PlayerRow, RatingRow, Store
from marl_ppo.viewer.web import page
from marl_ppo.viewer.web.league import write_league

REPLAYS = Path(__file__).parents[2] / "replays"
NASTY = "</script><img src=x onerror='window.pwned = 1'>"
NAMES = ("main-2", "main-1", "scripted", NASTY)


def league(folder: Path, *, names: Sequence[str] = NAMES, teams: int = 2, turns: int = 5) -> Path:
    """Each beats those after it three times of four; nobody ever met the last one."""
    folder.mkdir(parents=True)
    with Store.create(folder, {"world": "soccer", "teams": teams, "recipe": {"trusted_games": 30}}) as store:
        players = [
            PlayerRow(name=name, kind="frozen", teams=("blue",), learner="main", role="main", turn=0, steps=100 * place)
            for place, name in enumerate(names)
        ]
        scores = np.array([1.0, 1.0, 1.0, 0.0] * 16)
        for turn in range(1, turns + 1):
            store.commit_turn(
                turn,
                {"steps": {"main": 500 * turn}, "title": {"champion": names[0]}},
                players=players if turn == 1 else (),
                matches=[
                    MatchRow.of("ladder", one, other, "blue", scores)
                    for place, one in enumerate(names[:-1])
                    for other in names[place + (teams > 1) : -1]
                ],
                ratings=[
                    RatingRow(player=name, mu=30.0 - 5 * place + turn, sigma=8.0 / turn, elo=1200, games=64 * turn)
                    for place, name in enumerate(names[:-1])
                ],
                events=[EventRow(kind="promoted", player=NASTY, text=f"is champion in turn {turn}")],
                seconds=2.0,
                ended="",
            )
    return folder


def standings_of(folder: Path) -> Standings:
    with Store.open(folder) as store:
        return read_standings(store)


def texts(browser: Browser, selector: str) -> list[str]:
    return list(browser.run(f"[...document.querySelectorAll({selector!r})].map((one) => one.textContent)"))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A league with two replays, of which one cannot be read, and its site."""
    folder = league(tmp_path_factory.mktemp("leagues") / "cup")
    (folder / "replays").mkdir()
    shutil.copy(REPLAYS / "soccer.replay", folder / "replays/turn-00003-upset #1.replay")
    (folder / "replays/turn-00004-turn.replay").write_bytes(b"nothing")
    write_league(folder)
    return folder


@pytest.fixture
def site(browser: Browser, played: Path) -> Browser:
    browser.open(played / "page/index.html", size=(1440, 900))
    return browser


def test_the_rows_are_those_of_the_standings(site: Browser, played: Path) -> None:
    rows = standings_of(played).rows
    shown = [[cell.strip() for cell in texts(site, f"#rows tbody tr:nth-child({place}) td")] for place in (1, 2, 3, 4)]

    assert [cells[1].removesuffix(" ★") for cells in shown] == [row.player.name for row in rows]
    assert [float(cells[2].replace("−", "-")) for cells in shown] == [
        pytest.approx(row.rating.conservative, abs=0.051) for row in rows
    ]
    assert [cells[6] for cells in shown] == ["75 %", "50 %", "25 %", "n/a"]
    low, high = rows[0].win_rate_interval
    assert shown[0][7] == f"{low * 100:.0f} % … {high * 100:.0f} %"
    assert texts(site, "#rows .champion") == ["main-2 ★"]


def test_a_cell_tells_games_and_interval_when_it_is_pointed_at_or_tapped(site: Browser, played: Path) -> None:
    payoffs = standings_of(played).payoffs
    low, high = payoffs.interval(0, 1)
    told = f"main-2 against main-1: 0.75, 95 % {low:.2f} … {high:.2f}, 320 games"
    site.point_at("#cells tbody td:nth-child(3)")

    assert texts(site, "#cell") == [told]
    site.click("#cells tbody tr:nth-child(2) td:nth-child(2)")
    assert texts(site, "#cell")[0].startswith("main-1 against main-2: 0.25, 95 % ")
    assert texts(site, "#cells tbody tr:nth-child(4) td") == [""] * 4, "who never met has empty cells"


def test_ratings_are_drawn_over_the_turns_and_one_can_stand_out(site: Browser) -> None:
    points = site.run("[...document.querySelectorAll('#chart polyline')].map((one) => one.points.length)")
    site.click("#legend li:nth-child(2) button")
    faded = site.run("[...document.querySelectorAll('#chart g g')].map((one) => one.parentNode.getAttribute('opacity'))")

    assert points == [5, 5, 5]
    assert texts(site, "#legend button") == ["main-2", "main-1", "scripted"]
    assert faded == ["0.15", "1", "0.15"], "drawn from the last to the first"


def test_events_come_newest_first(site: Browser) -> None:
    assert texts(site, "#told li span:nth-child(1)") == [f"turn {turn}" for turn in (5, 4, 3, 2, 1)]
    assert texts(site, "#told li span:nth-child(2)")[0] == f"{NASTY} is champion in turn 5"


def test_a_replay_is_played_in_place_without_a_server(site: Browser, played: Path) -> None:
    site.click(".file button")
    page = played / "page/replays/turn-00003-upset #1.html"
    for _ in range(100):
        if page.as_uri() in site.requests:
            break
        site.run("new Promise((done) => setTimeout(done, 20))")

    assert site.requests == [(played / "page/index.html").as_uri(), page.as_uri()]
    assert site.complaints == []
    site.open(page)
    site.run("window.opened")
    assert site.run("viewer.match.last") > 50
    assert site.complaints == []


def test_a_replay_that_cannot_be_played_is_named_with_the_reason(site: Browser, played: Path) -> None:
    (told,) = texts(site, ".file.broken")

    assert re.match(r"turn-00004-turn: turn-00004-turn\.replay is damaged, or no replay", told)
    assert str(played) not in (played / "page/index.html").read_text(), "nobody else needs to know where the league lies"


def test_strangers_names_are_text_and_nothing_else(site: Browser, played: Path) -> None:
    assert NASTY in texts(site, "#rows .player")
    assert NASTY in texts(site, "#cells thead th")
    assert site.run("[window.pwned ?? null, document.images.length]") == [None, 0]
    assert site.requests == [(played / "page/index.html").as_uri()]
    assert site.complaints == []


@pytest.mark.parametrize("width", [1440, 800, 390, 320])
def test_nothing_sticks_out_sideways(site: Browser, width: int) -> None:
    site.resize((width, 844))

    assert site.run("document.documentElement.scrollWidth <= innerWidth")


def test_partners_are_told_by_what_they_get_together(browser: Browser, tmp_path: Path) -> None:
    folder = league(tmp_path / "pair", names=("ada", "ben", "nobody"), teams=1)
    browser.open(write_league(folder, tmp_path / "site"), size=(1440, 900))
    rows = standings_of(folder).partners
    titles = texts(browser, "#rows th")

    assert {"cross-play", "self-play", "gap"} <= set(titles)
    assert texts(browser, "#rows .player")[1:] == [row.player.name for row in rows]
    assert texts(browser, "#payoff-title") == ["Return of the row with the column"]
    assert browser.run("document.querySelector('#facts').textContent").find("cyclic") < 0
    assert browser.complaints == []


def test_a_league_of_many_and_one_that_has_only_begun_can_be_shown(browser: Browser, tmp_path: Path) -> None:
    many = write_league(league(tmp_path / "many", names=[f"main-{i}" for i in range(40)], turns=1))
    browser.open(many, size=(390, 844))

    assert len(texts(browser, "#cells tbody td")) == 40**2
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.complaints == []
    browser.open(write_league(league(tmp_path / "new", names=("main-0",), turns=1)))
    assert texts(browser, "#rows .player")[1:] == ["main-0 ★"]
    assert browser.complaints == []


def test_pages_of_replays_that_are_gone_go_too(tmp_path: Path) -> None:
    folder = league(tmp_path / "cup")
    (folder / "replays").mkdir()
    replay = Path(shutil.copy(REPLAYS / "rps.replay", folder / "replays/old.replay"))
    write_league(folder)
    assert [page.name for page in (folder / "page/replays").iterdir()] == ["old.html"]
    replay.rename(folder / "replays/new.replay")
    write_league(folder)

    assert [page.name for page in (folder / "page/replays").iterdir()] == ["new.html"]


def test_only_pages_that_are_missing_or_wrong_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = league(tmp_path / "cup")
    (folder / "replays").mkdir()
    for name in ("one", "two"):
        shutil.copy(REPLAYS / "rps.replay", folder / f"replays/{name}.replay")

    def written() -> list[str]:
        found: list[str] = []
        write_league(folder, progress=lambda file: found.append(file.stem))
        return sorted(found)

    assert written() == ["one", "two"]
    assert written() == []
    (folder / "page/replays/one.html").unlink()
    assert written() == ["one"]
    shutil.copy(REPLAYS / "kuhn.replay", folder / "replays/two.replay")
    assert written() == ["two"]
    assert "kuhn" in (folder / "page/replays/two.html").read_text()
    monkeypatch.setattr(page, "version", lambda package: "another")
    assert written() == ["one", "two"]


def test_a_replay_that_a_running_league_removes_meanwhile_is_left_out(tmp_path: Path) -> None:
    folder = league(tmp_path / "cup")
    (folder / "replays").mkdir()
    for name in ("one", "two"):
        shutil.copy(REPLAYS / "rps.replay", folder / f"replays/{name}.replay")
    index = write_league(folder, progress=lambda file: (folder / "replays/one.replay").unlink())

    assert "replays/two.html" in index.read_text()
    assert "replays/one.html" not in index.read_text()


def test_what_is_no_league_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="is no league"):
        write_league(tmp_path)
