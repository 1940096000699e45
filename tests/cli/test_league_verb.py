"""`marl-ppo league`: populations trained by self-play, and what is told of them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marl_ppo.cli.main import main
from marl_ppo.leagues.folders import league_ratings, newest_player
from marl_ppo.leagues.league import LOCK
from marl_ppo.leagues.standings import read_standings
from marl_ppo.leagues.store import Store
from marl_ppo.training.cards import read_card
from marl_ppo.training.run import alone

PNG = b"\x89PNG\r\n\x1a\n"
PROGRAM = (sys.executable, "-c", "from marl_ppo.cli.main import main; main()")
TINY = """
world = "kuhn"
total_steps = 1280
turn_updates = 2
snapshot_steps = 128
snapshot_timeout = 512
trusted_games = 16
ladder_games = 64

[train]
num_envs = 16
num_steps = 8
network.hidden = [8, 8]
ppo.num_minibatches = 2

[[learners]]
name = "main"

[[learners]]
name = "hunter"
matchmaker = "main_exploiter"
"""
TOGETHER = """
world = "levers"
total_steps = 512
turn_updates = 2
snapshot_timeout = 256
anchors = []

[train]
num_envs = 16
num_steps = 8
ppo.num_minibatches = 2

[[learners]]
name = "ada"
matchmaker = "partners"
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two leagues whose budget is used up, `tiny` and `together`; read only."""
    place = tmp_path_factory.mktemp("leagues")
    (place / "leagues").mkdir()
    (place / "leagues/tiny.toml").write_text(TINY)
    (place / "leagues/together.toml").write_text(TOGETHER)
    with contextlib.chdir(place):
        main(["league", "run", "together", "--name", "together"])
        main(["league", "run", "tiny", "--name", "tiny"])
    return place


@pytest.fixture
def here(played: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the leagues of `played` in it."""
    monkeypatch.chdir(played)
    return played


@pytest.fixture
def copied(played: Path, folder: Path) -> Path:
    """The league `tiny`, to be changed."""
    shutil.copytree(played / "runs/tiny", folder / "runs/tiny")
    return folder / "runs/tiny"


@pytest.fixture
def recipes(folder: Path) -> Callable[[str, str], int]:
    """Write a recipe: recipes(name, text)."""
    (folder / "leagues").mkdir()
    return lambda name, text: (folder / f"leagues/{name}.toml").write_text(text)


def recipe_of(league: str) -> dict[str, Any]:
    with Store.open(Path("runs") / league) as store:
        return dict(store.facts()["recipe"])


def turn_of(league: Path) -> int:
    with Store.open(league) as store:
        return store.turn()


def test_a_league_tells_where_it_stands_from_its_first_turn_to_its_end(marl_ppo: Any, recipes: Any) -> None:
    recipes("tiny", TINY)
    said = marl_ppo("league", "run", "tiny")
    titles = [line for line in said.lines if line.startswith("kuhn, turn ")]

    assert said.code == 0
    assert said.lines[0].startswith("A league on kuhn in runs/tiny-league-1: main (main), hunter (main_exploiter);")
    assert [title.split(":")[0] for title in titles] == ["kuhn, turn 1", "kuhn, turn 5"]
    assert "turn 2: main-1: kept after 512 steps (timeout)" in said.lines
    assert "turn 2: hunter begins anew with its first weights" in said.lines
    assert "Cyclic share of the pay-offs: " in said.out
    assert "The budget is used up; all is saved. Wrote runs/tiny-league-1/payoff.png," in said.out
    assert Path("runs/tiny-league-1/payoff.png").read_bytes().startswith(PNG)
    assert Path("runs/tiny-league-1/ratings.png").read_bytes().startswith(PNG)


def test_settings_behind_a_recipe_go_over_it(marl_ppo: Any, recipes: Any) -> None:
    recipes("tiny", TINY)
    said = marl_ppo("league", "run", "tiny", "total_steps=256", "--seed", "3", "--name", "short", "--matchmaker", "self_play")
    told = recipe_of("short")

    assert said.code == 0
    assert (told["total_steps"], told["seed"], told["turn_updates"]) == (256, 3, 2)
    assert [learner["matchmaker"] for learner in told["learners"]] == ["self_play", "self_play"]


def test_a_learner_whose_start_lacks_a_policy_is_told_of_once(marl_ppo: Any, recipes: Any, small: tuple[str, ...]) -> None:
    levels = ("--policy", "hierarchical", "--hierarchy.managed-by", "random")
    marl_ppo("train", "plates", "--name", "worker", *levels, *small)
    started = '[train]\npolicy = "hierarchical"\nstart_from = "worker"\n'
    recipes("levels", TOGETHER.replace("levers", "plates").replace("[train]\n", started))

    first = " ".join(marl_ppo("league", "run", "leagues/levels.toml", "--minutes", "0.001").out.split())
    second = " ".join(marl_ppo("league", "run", "--resume", "--minutes", "0.001").out.split())

    warning = "warning, start (ada, agents.manager): worker has no weights of it: it begins with initial ones"
    assert warning in first
    assert "(ada, agents.worker)" not in first
    assert "warning" not in second


def test_a_league_stops_when_its_minutes_are_over_and_goes_on_where_it_was(marl_ppo: Any, recipes: Any, folder: Path) -> None:
    recipes("tiny", TINY)
    said = marl_ppo("league", "run", "tiny", "--name", "a", "--minutes", "0.00001")
    at_first = turn_of(folder / "runs/a")
    resumed = marl_ppo("league", "run", "--resume", "a")

    assert "Time is up; all is saved." in said.out
    assert "Go on with it:  marl-ppo league run --resume runs/a" in said.lines
    assert at_first == 1
    assert resumed.lines[0].startswith("Going on with runs/a at turn 1: main (main), hunter (main_exploiter)")
    assert turn_of(folder / "runs/a") == 5
    assert "Go on with it" not in resumed.out


def test_ctrl_c_ends_a_league_after_its_turn_saved(recipes: Any, folder: Path) -> None:
    recipes("tiny", TINY)
    command = [*PROGRAM, "league", "run", "tiny", "--name", "a", "total_steps=100000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        patience = time.monotonic() + 120
        # The last thing that a turn writes before it is saved.
        while not list((folder / "runs/a/learners").glob("*/checkpoints/*/meta.json")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < patience
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()

    assert (process.returncode, err) == (0, "")
    assert "Stopped by Ctrl-C; all is saved." in out
    assert f"kuhn, turn {turn_of(folder / 'runs/a')}: " in out


def test_a_workspaces_recipe_goes_before_the_bundled_one_of_the_same_name(marl_ppo: Any, recipes: Any) -> None:
    recipes("kuhn", TINY)
    marl_ppo("league", "run", "kuhn", "--name", "mine", "--minutes", "0.00001")

    assert recipe_of("mine")["total_steps"] == 1280
    assert "spread_partners" in marl_ppo("league", "--help").out


def test_two_processes_cannot_run_one_league_and_no_guest_comes_in_meanwhile(marl_ppo: Any, copied: Path) -> None:
    with alone(copied / LOCK):
        resumed = marl_ppo("league", "run", "--resume", "tiny")
        added = marl_ppo("league", "add", "tiny", "tiny:main-0", "--name", "guest")

    for said in (resumed, added):
        assert said.code == 2
        assert said.err.startswith("marl-ppo: runs/tiny is being trained by another process; wait until it ends")


@pytest.mark.usefixtures("here")
def test_standings_are_those_of_the_league_played_last_unless_one_is_named(marl_ppo: Any) -> None:
    named, newest = marl_ppo("league", "standings", "runs/together"), marl_ppo("league", "standings")

    assert newest.lines[0].startswith("kuhn, turn 5: 2,560 steps")
    assert named.lines[0].startswith("levers, turn 2: 512 steps")


@pytest.mark.usefixtures("here")
def test_standings_rate_everybody_and_say_what_ratings_cannot(marl_ppo: Any) -> None:
    said = marl_ppo("league", "standings", "tiny")
    names = {line.split()[1] for line in said.lines[2:] if line[:2].strip().isdigit()}

    assert names == {"random", "scripted", *(f"{learner}-{n}" for learner in ("main", "hunter") for n in range(4))}
    assert any(line.startswith("Cyclic share of the pay-offs: ") for line in said.lines)
    assert any(line.startswith("main in training: wins ") for line in said.lines)
    assert any(line.startswith("Champion: main-") for line in said.lines)
    assert max(map(len, said.lines)) <= 80


@pytest.mark.usefixtures("here")
def test_partners_are_told_by_their_play_with_others_and_have_no_levels(marl_ppo: Any) -> None:
    said = marl_ppo("league", "standings", "together")
    refused = marl_ppo("league", "standings", "together", "--levels", "3")

    assert said.lines[1].split() == ["player", "cross-play", "self-play", "gap", "games"]
    assert {line.split()[1] for line in said.lines[2:5]} == {"ada-0", "ada-1", "ada-2"}
    assert "in levers nobody is beaten, so there are no levels" in refused.err


def test_levels_become_bots_whose_cards_tell_their_league_and_rating(marl_ppo: Any, copied: Path, folder: Path) -> None:
    said = marl_ppo("league", "standings", "tiny", "--levels", "3", "--save-as", "poker")
    cards = [read_card(folder / "agents" / f"poker-{level}") for level in ("easy", "medium", "hard")]
    told = [card.training["league"] for card in cards]
    rows = {row.player.name: row for row in _standings(copied).rows}

    assert said.code == 0
    assert [one["level"] for one in told] == ["easy", "medium", "hard"]
    assert len({one["player"] for one in told}) == 3
    for one in told:
        assert (one["name"], one["turn"], one["members"]) == ("tiny", 5, 10)
        assert one["rating"] == rows[one["player"]].rating.conservative
        assert one["win_rate"] == rows[one["player"]].win_rate
    readme = (folder / "agents/poker-easy/README.md").read_text()
    assert f"It is {told[0]['player']} of the league tiny, the easy one of its levels" in readme
    assert "easy" in said.out
    assert marl_ppo("evaluate", "poker-hard", "--episodes", "8").code == 0


def test_no_bot_is_saved_where_one_of_the_names_is_taken(marl_ppo: Any, copied: Path, folder: Path) -> None:
    (folder / "agents/poker-hard").mkdir(parents=True)
    said = marl_ppo("league", "standings", "tiny", "--levels", "3", "--save-as", "poker")

    assert said.err.startswith("marl-ppo: 'poker-hard' is a player that there is already")
    assert [path.name for path in (folder / "agents").iterdir()] == ["poker-hard"]


def test_payoff_shows_a_table_and_draws_it(marl_ppo: Any, copied: Path, folder: Path) -> None:
    said = marl_ppo("league", "payoff", "tiny", "--png", "drawn/table.png")

    assert said.lines[0].strip() == "score of the row against the column"
    assert {"main-0", "scripted"} <= {line.split()[0] for line in said.lines[3:13]}
    assert said.lines[-1] == "Wrote drawn/table.png."
    assert (folder / "drawn/table.png").read_bytes().startswith(PNG)


def test_page_writes_a_site_with_a_page_for_each_replay(marl_ppo: Any, copied: Path, folder: Path) -> None:
    (copied / "replays").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parents[2] / "replays/kuhn.replay", copied / "replays/turn-00001-upset.replay")
    said = marl_ppo("league", "page", "tiny", "--out", "site")

    assert said.lines == ["Wrote site/index.html; open it in any browser."]
    assert "turn-00001-upset.html" in {path.name for path in (folder / "site/replays").iterdir()}
    assert marl_ppo("league", "page").lines == [f"Wrote {copied.relative_to(folder)}/page/index.html; open it in any browser."]


@pytest.mark.usefixtures("here")
def test_payoff_of_one_player_has_games_and_wilson_intervals(marl_ppo: Any, played: Path) -> None:
    said = marl_ppo("league", "payoff", "tiny", "main-0")
    rows = {line.split()[0]: line.split()[1:] for line in said.lines[2:]}
    payoffs = _standings(played / "runs/tiny").payoffs
    own, other = payoffs.names.index("main-0"), payoffs.names.index("scripted")
    low, high = payoffs.interval(own, other)

    assert rows.keys() == {name for name in payoffs.names if name != "main-0"}
    assert rows["scripted"] == [
        f"{payoffs.means[own, other]:.2f}",
        f"{low:.2f}",
        "…",
        f"{high:.2f}",
        str(payoffs.games[own, other]),
    ]


def test_a_guest_is_met_on_the_ladder_and_in_training(marl_ppo: Any, recipes: Any, copied: Path, folder: Path) -> None:
    recipes("tiny", TINY)
    marl_ppo("league", "run", "tiny", "--name", "new", "--minutes", "0.00001")
    said = marl_ppo("league", "add", "new", "tiny:main-3")
    marl_ppo("league", "run", "--resume", "new")
    with Store.open(folder / "runs/new") as store:
        (row,) = (row for row in store.players() if row.kind == "guest")
        met = {source: {(m.first, m.second) for m in store.matches(source)} for source in ("ladder", "training")}

    assert said.lines[0].startswith("tiny-main-3 is in the league; its first games are on the ladder of the next turn")
    assert (row.name, row.teams) == ("tiny-main-3", ("player_0", "player_1"))
    assert any(row.name in pair for pair in met["ladder"])
    assert ("main", row.name) in met["training"]
    assert "tiny-main-3" in marl_ppo("league", "standings", "new").out


def test_what_was_left_of_a_guest_whose_entry_never_ended_is_written_anew(marl_ppo: Any, copied: Path) -> None:
    (copied / "players/guest/policies").mkdir(parents=True)

    assert marl_ppo("league", "add", "tiny", "tiny:main-0", "--name", "guest").code == 0
    assert (copied / "players/guest/meta.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "add tiny tiny:main-0 --name ../../out",
            "a name in a league must be letters, digits and any of _ . + -, without folders",
        ),
        ("add tiny tiny:main-0 --name random", "a name in a league must be letters"),
        ("add tiny tiny:main-0 --name main-1", "'main-1' is in the league already; give another name, with --name"),
        ("add tiny tiny:main-0 --name main-9", "'main-9' is how a player of the learner 'main' is called"),
        ("add tiny scripted", "'scripted' is no bot but made by the world; name it among the `anchors`"),
        ("add tiny tag-chasers", "cannot play 'kuhn'"),
        ("add tiny", "name a league and a bot: marl-ppo league add LEAGUE BOT"),
    ],
)
def test_a_guest_that_has_no_place_is_refused(marl_ppo: Any, copied: Path, folder: Path, arguments: str, message: str) -> None:
    before = sorted(path.name for path in (copied / "players").iterdir())
    said = marl_ppo("league", *arguments.split())

    assert said.code == 2
    assert message in said.err
    assert sorted(path.name for path in (copied / "players").iterdir()) == before
    assert [path.name for path in folder.iterdir()] == ["runs"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run kuhm", "No recipe is called 'kuhm'. Did you mean 'kuhn'?"),
        ("run qwxyz", "No recipe is called 'qwxyz'. There are "),
        ("run", "name one recipe, such as `marl-ppo league run soccer`, or a league to --resume"),
        ("run tiny --resume tiny", "name one recipe, such as `marl-ppo league run soccer`, or a league to --resume"),
        (
            "run tiny --name tiny",
            "runs/tiny exists already; choose another --name, or go on with `marl-ppo league run --resume tiny`",
        ),
        ("run tiny --name a/b", "a league's name must be letters"),
        ("run tiny turns=3", "has the unknown setting 'turns'; did you mean"),
        ("run --resume tiny total_steps=9", "a league that goes on keeps its recipe"),
        ("standings tinny", "No league is called 'tinny'. Did you mean 'tiny'?"),
        ("standings tiny --levels 4", "--levels must be 2 or 3, got 4"),
        ("standings tiny --save-as a", "--save-as needs --levels"),
        ("payoff tiny mian-1", "No player of this league is called 'mian-1'. Did you mean 'main-1'?"),
        ("stand", "No league command is called 'stand'. Did you mean 'standings'?"),
    ],
)
def test_what_makes_no_sense_is_said(marl_ppo: Any, arguments: str, message: str) -> None:
    said = marl_ppo("league", *arguments.split())

    assert said.code == 2
    assert message in said.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('world = "kuhn"\nslots = many', "leagues/broken.toml is not TOML: Invalid value (at line 2, column 9)"),
        ('world = "kuhn"\ntotal_stpes = 3', "has the unknown setting 'total_stpes'; did you mean 'total_steps'?"),
        ('world = "kuhn"\nslots = "many"', "slots must be a whole number, got 'many'"),
        (
            'world = "kuhn"\n[[learners]]\nname = "a"\nmatchmaker = "mian"',
            "No matchmaker is called 'mian'. Did you mean 'main'?",
        ),
        ('world = "kuhm"\n[[learners]]\nname = "a"', "Did you mean 'kuhn'?"),
        ('world = "kuhn"', "a league needs a learner: add [[learners]] with a name to the recipe"),
    ],
)
def test_a_recipe_that_cannot_work_is_told_with_its_fault_and_leaves_nothing(
    marl_ppo: Any, recipes: Any, folder: Path, line: str, message: str
) -> None:
    recipes("broken", line)
    said = marl_ppo("league", "run", "broken", "--name", "mine")

    assert said.code == 2
    assert message in said.err
    assert not (folder / "runs/mine").exists()


def test_there_is_no_league_yet(marl_ppo: Any) -> None:
    assert "There is no league in runs/ yet. Run one: `marl-ppo league run" in marl_ppo("league", "standings").err


def numbers(said: Any) -> list[str]:
    return [line for line in said.lines if line.startswith("  ")]


def test_a_leagues_players_can_be_measured_matched_and_watched(marl_ppo: Any, here: Path) -> None:
    top = _standings(here / "runs/tiny").top
    by_name, by_path = (marl_ppo("evaluate", name, "--episodes", "8") for name in ("tiny:main-1", "runs/tiny/players/main-1"))
    of_league, newest = marl_ppo("evaluate", "tiny", "--episodes", "8"), marl_ppo("evaluate", "--episodes", "8")
    met = marl_ppo("match", "kuhn", "tiny:main-0", "tiny:main-2", "--episodes", "8")

    assert by_name.lines[0].startswith("kuhn: tiny:main-1, 8 held-out episodes")
    assert numbers(by_name) == numbers(by_path)
    assert of_league.lines[0].startswith(f"kuhn: tiny:{top}, 8 held-out episodes")
    assert numbers(of_league) == numbers(newest)
    assert met.lines[0].startswith("kuhn: tiny:main-0, tiny:main-2; 8 episodes")
    assert marl_ppo("watch", "tiny:main-0", "--against", "tiny", "--seconds", "0.1", "--out", str(here / "a.gif")).code == 0


def test_ratings_of_a_league_are_told_by_the_names_its_players_are_watched_under(here: Path) -> None:
    """As the standings have them; of a player that is in no league there are none."""
    rows = {row.player.name: row.rating for row in _standings(here / "runs/tiny").rows}
    rating = rows["main-1"]

    assert league_ratings("tiny:main-1")["tiny:main-1"] == f"rated {rating.mu:.1f} ± {1.96 * rating.sigma:.1f}"
    assert league_ratings("runs/tiny:main-0") == league_ratings("tiny:main-1")
    assert league_ratings("soccer-hard") == league_ratings("scripted:easy") == {}


def test_what_was_trained_last_is_played_where_nobody_is_named(marl_ppo: Any, copied: Path, small: tuple[str, ...]) -> None:
    """A run or a league, whichever was written last; looking at a league writes nothing."""
    marl_ppo("train", "bandit", "--name", "late", *small)
    marl_ppo("league", "standings", "tiny")
    assert newest_player() == "runs/late"

    written = Path("runs/late/checkpoints").glob("*/meta.json")
    later = max(file.stat().st_mtime for file in written) + 10
    os.utime(copied / "league.sqlite", (later, later))
    assert newest_player() == f"runs/tiny:{_standings(copied).top}"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("player", "message"),
    [
        ("tiny:mian-1", "No player of the league tiny is called 'mian-1'. Did you mean 'main-1'?"),
        ("tinny:main-1", "No player is called 'tinny:main-1'."),
    ],
)
def test_a_player_that_a_league_does_not_have_is_not_found(marl_ppo: Any, player: str, message: str) -> None:
    assert message in marl_ppo("evaluate", player).err


@pytest.mark.usefixtures("here")
def test_runs_are_listed_with_leagues_and_a_league_is_not_taken_for_a_run(marl_ppo: Any) -> None:
    listed = marl_ppo("run", "list")

    assert listed.lines == [
        "league tiny: kuhn, turn 5, 10 members; marl-ppo league standings tiny",
        "league together: levers, turn 2, 3 members; marl-ppo league standings together",
    ]
    for command in (("run", "plot", "tiny"), ("train", "--resume", "tiny")):
        assert "runs/tiny is a league; go on with it by `marl-ppo league run --resume runs/tiny`" in marl_ppo(*command).err
    learner = marl_ppo("train", "--resume", "runs/tiny/learners/main")
    assert "learns in a league; go on with all of it by `marl-ppo league run --resume " in learner.err
    assert learner.code == 2


def _standings(league: Path) -> Any:
    with Store.open(league) as store:
        return read_standings(store)
