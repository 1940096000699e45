"""What is laid over a scene of subgoals: where a worker is sent, what that is called, and that it is new."""

from dataclasses import replace

import numpy as np
from viewer.scenes import disc_at, scene

from marl_ppo.envs.scene import Disc, Line, Primitive, Text
from marl_ppo.viewer.feed import Subgoal, Thought, subgoal_of
from marl_ppo.viewer.overlays import marks


def laid_over(subgoal: Subgoal | None, followed: str | None = None) -> list[Primitive]:
    thoughts = {"agent": Thought(subgoal=subgoal)}
    return marks(scene(disc_at(0.2, 0.1)), ["agent"], followed, {"subgoals"}, thoughts)


def test_a_line_leads_from_a_body_to_its_subgoal_whose_name_stands_above() -> None:
    line, ring, dot, words = laid_over(Subgoal((0.5, -0.5), "reach key", 7))

    assert isinstance(line, Line)
    assert isinstance(ring, Disc)
    assert isinstance(dot, Disc)
    assert isinstance(words, Text)
    assert (line.x, line.y, line.x2, line.y2) == (0.2, 0.1, 0.5, -0.5)
    assert (ring.x, ring.y) == (dot.x, dot.y) == (0.5, -0.5)
    assert (words.text, words.x) == ("reach key", 0.5)
    assert words.y - words.height / 2 > ring.y + ring.radius


def words_over(*subgoals: tuple[int, str, float]) -> list[Text]:
    """What is written where agents of these teams have subgoals of these names, at (x, 0)."""
    agents = [f"agent_{a}" for a in range(len(subgoals))]
    bodies = [replace(disc_at(0.2, 0.1), key=agent, team=team) for agent, (team, _, _) in zip(agents, subgoals, strict=True)]
    thoughts = {a: Thought(subgoal=Subgoal((x, 0.0), name, 7)) for a, (_, name, x) in zip(agents, subgoals, strict=True)}
    return [mark for mark in marks(scene(*bodies), agents, None, {"subgoals"}, thoughts) if isinstance(mark, Text)]


def test_names_at_one_place_stand_above_each_other() -> None:
    first, second, third = words_over((0, "own base", 0.5), (1, "other base", 0.5), (1, "other flag", 0.5))

    assert second.y >= first.y + first.height
    assert third.y >= second.y + second.height


def test_names_apart_stand_where_they_belong() -> None:
    first, second = words_over((0, "own base", -0.5), (1, "other base", 0.5))

    assert first.y == second.y


def test_what_two_of_a_team_are_told_is_said_once_at_one_place() -> None:
    assert [text.text for text in words_over((0, "flag", 0.5), (0, "flag", 0.5))] == ["flag"]
    assert len(words_over((0, "flag", 0.5), (1, "flag", 0.5))) == 2
    assert len(words_over((0, "flag", 0.5), (0, "flag", -0.5))) == 2


def test_the_ring_of_a_new_subgoal_is_wide_and_narrows() -> None:
    radii = [mark.radius for age in range(6) for mark in laid_over(Subgoal((0.5, -0.5), age=age)) if not _is_filled(mark)]  # type: ignore[union-attr]

    assert radii == sorted(radii, reverse=True)
    assert radii[0] > radii[1] > radii[2] > radii[3] == radii[4] == radii[5]


def _is_filled(mark: Primitive) -> bool:
    return not isinstance(mark, Disc) or mark.filled


def test_a_subgoal_that_is_nowhere_is_told_over_the_body() -> None:
    (words,) = laid_over(Subgoal(None, "skill 3", 0))

    assert isinstance(words, Text)
    assert (words.text, words.x) == ("skill 3", 0.2)
    assert words.y > 0.1


def test_who_has_no_manager_has_no_marks() -> None:
    assert laid_over(None) == []
    assert subgoal_of(np.array([0.0, 0.0]), "", -1) is None
    assert subgoal_of(np.array([np.nan, 0.0]), "skill 3", 2) == Subgoal(None, "skill 3", 2)
