"""A match that a person plays, without a window: when the world is stepped, and what keys do at each moment."""

from collections.abc import Callable

import numpy as np
import pytest

from marl_ppo.agents.person import Person
from marl_ppo.envs import make_world
from marl_ppo.envs.controls import default_controls
from marl_ppo.envs.scene import Box, Disc, Scene, Text
from marl_ppo.envs.world import Array
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player, seat_players
from marl_ppo.training.players import find_player
from marl_ppo.viewer.human_play import COUNTDOWN_S, HumanPlay, marked
from marl_ppo.viewer.person import PersonView

FRAME_S = 1 / 60


def game(world: str, agent: str, *, finish: Callable[[bool], list[str]] = lambda whole: [], **settings: object) -> HumanPlay:
    """Against random players, on the seeds 7, 8, ..."""
    made = make_world(world, **settings)
    group = next(group for group in made.spec.groups if agent in group.agents)
    person, others = Person(group), find_player("random", made.spec)
    players = dict.fromkeys(made.spec.agents, others) | {agent: Player(name="person", policies={agent: person})}
    seating = seat_players(made.spec, 1, players)

    def seeds(copies: Array, episodes: Array) -> Array:
        return (7 + episodes).astype(np.uint64)

    play = Play(made, seating.policies, seating.seats, seeds)
    controls = made.controls(agent) or default_controls(group.action)
    assert controls is not None
    return HumanPlay(play, agent, person, controls, finish=finish)


def steps(one: HumanPlay) -> int:
    return int(one.facts[0].partition(": ")[2])


def pass_time(one: HumanPlay, seconds: float) -> None:
    for _ in range(round(seconds / FRAME_S)):
        one.tick(FRAME_S)


def place(scene: Scene, key: str) -> tuple[float, float]:
    body = next(p for p in scene.primitives if p.key == key)
    return body.x, body.y


def test_a_world_that_goes_on_counts_down_and_then_steps_at_its_rate() -> None:
    """Soccer: 10 steps per second, after three numbers."""
    soccer = game("soccer", "blue_0")
    counted = []
    while soccer.phase == "ready":
        counted.append(soccer.count)
        soccer.tick(FRAME_S)
    pass_time(soccer, 5.0)

    assert sorted(set(counted), reverse=True) == [3, 2, 1]
    assert len(counted) == pytest.approx(COUNTDOWN_S / FRAME_S, abs=2)
    assert steps(soccer) == pytest.approx(50, abs=1)


@pytest.mark.parametrize("agent", ["blue_0", "orange_0"])
@pytest.mark.parametrize(("key", "x", "y"), [("left", -1, 0), ("up", 0, 1), ("d", 1, 0), ("s", 0, -1)])
def test_keys_move_the_body_as_told(agent: str, key: str, x: int, y: int) -> None:
    """Held from the countdown on; half a second of running, drawn between steps too."""
    soccer = game("soccer", agent)
    soccer.press(key)
    before = place(soccer.scene(), agent)
    pass_time(soccer, COUNTDOWN_S + 0.5)
    after = place(soccer.scene(), agent)
    moved = after[0] - before[0], after[1] - before[1]

    assert moved[0] * x + moved[1] * y > 0.15
    assert abs(moved[0] * y) + abs(moved[1] * x) < 0.1


def test_a_key_is_obeyed_at_the_next_step_even_if_it_is_up_again() -> None:
    """A tap between two steps counts for one step and no more."""
    soccer = game("soccer", "blue_0")
    pass_time(soccer, COUNTDOWN_S + 0.25)
    made = steps(soccer)
    soccer.press("up")
    soccer.release("up")
    told = []
    while steps(soccer) < made + 3:
        number = steps(soccer)
        soccer.tick(FRAME_S)
        if steps(soccer) > number:
            told.append(int(soccer.play.actions[0][0, 0]))

    assert told == [3, 0, 0]


def test_bodies_are_seen_between_steps() -> None:
    soccer = game("soccer", "blue_0")
    soccer.press("up")
    pass_time(soccer, COUNTDOWN_S + 0.2)
    seen = []
    for _ in range(12):
        soccer.tick(FRAME_S)
        seen.append(place(soccer.scene(), "blue_0")[1])

    assert len(set(seen)) >= 10
    assert seen == sorted(seen)


def test_a_slow_machine_makes_one_step_and_not_many_at_once() -> None:
    soccer = game("soccer", "blue_0")
    pass_time(soccer, COUNTDOWN_S + 0.1)
    made = steps(soccer)
    soccer.tick(5.0)
    soccer.tick(FRAME_S)

    assert steps(soccer) == made + 1


def test_pause_stops_the_world_and_escape_goes_on_after_a_countdown() -> None:
    soccer = game("soccer", "blue_0")
    pass_time(soccer, COUNTDOWN_S + 0.3)
    soccer.press("p")
    soccer.release("p")
    made = steps(soccer)
    pass_time(soccer, 1.0)
    held_still = steps(soccer)
    soccer.press("escape")

    assert (held_still, soccer.phase) == (made, "ready")
    pass_time(soccer, COUNTDOWN_S + 0.3)
    assert steps(soccer) > made


def test_a_window_that_is_left_for_another_pauses_and_lets_go_of_keys() -> None:
    soccer = game("soccer", "blue_0")
    soccer.press("up")
    pass_time(soccer, COUNTDOWN_S + 0.3)
    soccer.blur()
    paused = soccer.phase
    soccer.press("escape")
    pass_time(soccer, COUNTDOWN_S + 0.3)

    assert paused == "paused"
    assert int(soccer.play.actions[0][0, 0]) == 0


def test_a_world_with_turns_waits_for_the_person() -> None:
    board = game("connect_four", "player_0")
    pass_time(board, 5.0)
    waited = steps(board)
    board.press("4")

    assert (waited, steps(board), board.on_turn) == (0, 1, False)
    pass_time(board, 5.0)
    assert (steps(board), board.on_turn) == (2, True)


def test_who_plays_second_sees_the_first_move_made() -> None:
    board = game("connect_four", "player_1")
    on_turn = board.on_turn
    board.press("4")
    ignored = steps(board)
    pass_time(board, 3.0)

    assert (on_turn, ignored, steps(board), board.on_turn) == (False, 0, 1, True)


def test_a_column_is_chosen_by_arrows_or_by_mouse() -> None:
    board = game("connect_four", "player_0")
    for key in ("left", "left", "enter"):
        board.press(key)
        board.release(key)
    first = int(board.play.actions[0][0, 0])
    pass_time(board, 3.0)
    board.point(6.5, 2.0, clicked=False)
    pointed, still = board.cursor, steps(board)
    board.point(6.5, 2.0, clicked=True)

    assert (first, pointed, still, int(board.play.actions[0][0, 0])) == (2, 6, 2, 6)


def test_what_is_forbidden_is_not_done() -> None:
    """Nobody can fold in leduc before a raise."""
    table = game("leduc", "player_0")
    table.press("f")
    refused = steps(table)
    table.press("c")

    assert (refused, steps(table)) == (0, 1)


def test_p_passes_in_kuhn_and_pauses_elsewhere() -> None:
    table, soccer = game("kuhn", "player_0"), game("soccer", "blue_0")
    table.press("p")
    soccer.press("p")

    assert (steps(table), table.phase, soccer.phase) == (1, "playing", "paused")


def test_the_end_shows_the_result_and_enter_begins_another_match() -> None:
    finished: list[bool] = []

    def finish(whole: bool) -> list[str]:
        finished.append(whole)
        return ["saved"]

    prey = game("tag", "agent_0", finish=finish, max_steps=5)
    pass_time(prey, COUNTDOWN_S + 2.0)
    verdict, told, seed = prey.verdict, prey.told, int(prey.play.world.seeds[0])
    prey.press("enter")

    assert verdict in ("you win", "you lose")
    assert (told, finished, seed) == (("saved",), [True], 7)
    assert (prey.phase, steps(prey), int(prey.play.world.seeds[0])) == ("ready", 0, 8)
    assert sum(prey.tally) == 1


def test_a_match_that_is_left_is_told_once_and_one_that_never_began_is_not() -> None:
    finished: list[bool] = []

    def finish(whole: bool) -> list[str]:
        finished.append(whole)
        return []

    prey = game("tag", "agent_0", finish=finish)
    prey.leave()
    pass_time(prey, COUNTDOWN_S + 1.0)
    prey.press("escape")
    prey.press("r")
    again = steps(prey)
    prey.leave()

    assert (finished, again) == ([False], 0)


def test_the_persons_body_is_marked() -> None:
    scene = Scene(bounds=(0, 0, 10, 10), primitives=(Disc(key="a", x=5, y=5, radius=1), Disc(key="b", x=1, y=9.9, radius=1)))
    middle, edge = marked(scene, "a").primitives[-1], marked(scene, "b").primitives[-1]
    card = marked(Scene(bounds=(0, 0, 4, 3), primitives=(Box(key="c", x=1, y=1.5, width=1, height=1),)), "c").primitives[-1]
    words = marked(Scene(bounds=(0, 0, 4, 3), primitives=(Text(key="t", x=1, y=1, text="player_0"),)), "t").primitives[-1]

    assert isinstance(middle, Text)
    assert isinstance(edge, Text)
    assert isinstance(card, Text)
    assert isinstance(words, Text)
    assert (middle.text, middle.y > 6) == ("you", True)
    assert (edge.y, edge.x > 2) == (9.9, True)  # above it would be outside
    assert card.y < 1
    assert words.text == "player_0 (you)"
    assert marked(scene, "nobody") is scene


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (400, 700), (64, 64), (20, 20)])
def test_every_phase_is_drawn_at_every_size(size: tuple[int, int]) -> None:
    board = game("connect_four", "player_0")
    view = PersonView(title="connect_four", teams=[("player_0", "you"), ("player_1", "random")], body="player_0")
    shown = [view.draw(board, size).get_size()]
    board.press("?")
    shown.append(view.draw(board, size).get_size())

    assert set(shown) == {(max(size[0], 64), max(size[1], 64))}


def test_a_pixel_is_found_in_the_scene() -> None:
    """The middle of the drawn board is the middle of the bounds, in any window."""
    board = game("connect_four", "player_0")
    view = PersonView(title="", teams=[], body="player_0")
    for size in ((1280, 720), (640, 480)):
        view.draw(board, size)
        assert view._view is not None
        left, top, width, height = view._view.rect
        x, y = view.place(left + width // 2, top + height // 2)

        assert (x, y) == pytest.approx((3.5, 3.0), abs=0.02)
