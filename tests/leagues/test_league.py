"""What a league promises of its players, whatever it does: on kuhn, with settings that make much happen in few turns."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from league_process import KUHN

from marl_ppo.agents.stacked import Member
from marl_ppo.errors import ConfigError, FileFormatError
from marl_ppo.leagues.folders import find_recipe
from marl_ppo.leagues.ladder import Fixture, Played
from marl_ppo.leagues.league import League
from marl_ppo.leagues.learner import Learner
from marl_ppo.leagues.recipe import Recipe, recipe_from
from marl_ppo.leagues.store import Store
from marl_ppo.leagues.title import Title
from marl_ppo.training.checkpoint import Checkpoint, load_checkpoint
from marl_ppo.training.config import TrainConfig

TURNS = 10


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[League]:
    """A league after some turns."""
    folder = tmp_path_factory.mktemp("league") / "league"
    with League.create(recipe_from(KUHN, source="the test"), folder) as league:
        league.run(turns=TURNS)
        yield league


def weights(folder: Path) -> dict[str, str]:
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("players/*/policies/*/*")}


def test_what_was_kept_never_changes_and_is_never_overwritten(played: League) -> None:
    before = weights(played.folder)
    names = [row.name for row in played.store.players()]
    played.run(turns=3)
    after = weights(played.folder)

    assert before.items() <= after.items()
    assert len(after) > len(before)
    assert len(set(names)) == len(names)


def test_a_league_that_was_killed_before_it_had_begun_begins_when_it_is_resumed(tmp_path: Path) -> None:
    recipe = recipe_from(KUHN, source="the test")
    facts = {"teams": 2, "world": "kuhn", "version": 1, "config": {}, "recipe": recipe.as_dict()}
    (tmp_path / "league").mkdir()
    Store.create(tmp_path / "league", facts).close()
    with League.resume(tmp_path / "league") as league:
        names = [row.name for row in league.store.players()]
        league.play_turn()

        assert names[-1] == "rover-0"
        assert league.turn == 1


def test_weights_that_were_tampered_with_are_refused(tmp_path: Path) -> None:
    with League.create(recipe_from(KUHN, source="the test"), tmp_path / "league") as league:
        file = next((league.folder / "players" / "main-0").glob("policies/*/weights.safetensors"))
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)

        with pytest.raises(FileFormatError, match=r"players/main-0 are not those that the league kept: their hash differs"):
            league.members.load(["main-0"])


def test_an_exploiter_is_kept_as_it_was_before_its_reset(tmp_path: Path) -> None:
    """The trap: reset first, and the league keeps untrained weights."""
    with League.create(recipe_from(KUHN, source="the test"), tmp_path / "league") as league:
        learner = league.learners["exploiter"]
        (policy,) = (student.policy for student in learner.trainer.setup.students.values())
        first = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
        trained: dict[str, torch.Tensor] = {}
        begin_anew = learner.trainer.begin_anew

        def remember(model: Checkpoint | None = None) -> None:
            trained.update({name: tensor.clone() for name, tensor in policy.state_dict().items()})
            begin_anew(model)

        learner.trainer.begin_anew = remember  # type: ignore[method-assign]
        while not trained:
            league.play_turn()
        (kept,) = load_checkpoint(league.folder / "players" / "exploiter-1").files.values()

        assert all(torch.equal(kept[name], trained[name]) for name in trained)
        assert any(not torch.equal(kept[name], first[name]) for name in first)
        assert all(torch.equal(policy.state_dict()[name], first[name]) for name in first)
        assert not learner.trainer.setup.learners["players"].optimizer_state()


def test_an_exploiter_may_begin_with_what_the_main_agent_knows_now(tmp_path: Path) -> None:
    with League.create(_begins_as_main({"network": {"memory": "gru"}}), tmp_path / "league") as league:
        while not any(event.kind == "reset" and event.player == "exploiter" for event in league.play_turn().events):
            pass
        (own,) = league.learners["exploiter"].trainer.setup.learners.values()
        (mains,) = league.learners["main"].trainer.setup.learners.values()

        assert all(torch.equal(tensor, mains.policy.state_dict()[name]) for name, tensor in own.policy.state_dict().items())
        assert not own.optimizer_state()
        assert mains.optimizer_state()


def test_a_finished_learner_leaves_its_checkpoint_as_it_is(tmp_path: Path) -> None:
    """To write it again would first remove what the store names; who dies in between could not be resumed."""
    main, exploiter, rover = recipe_from(KUHN, source="the test").learners
    short = replace(exploiter, train={**exploiter.train, "total_steps": 256})
    recipe = replace(recipe_from(KUHN, source="the test"), learners=(main, short, rover))
    with League.create(recipe, tmp_path / "league") as league:
        league.run(turns=1)
        (saved,) = (league.folder / "learners" / "exploiter" / "checkpoints").iterdir()
        number = saved.stat().st_ino
        league.run(turns=2)

        assert league.learners["exploiter"].trainer.finished
        assert saved.stat().st_ino == number
    with League.resume(tmp_path / "league") as league:
        league.run(turns=1)

        assert league.learners["exploiter"].trainer.steps == 256
        assert league.turn == 4


def test_games_that_a_learner_began_before_its_reset_are_not_counted(tmp_path: Path) -> None:
    with League.create(recipe_from(KUHN, source="the test"), tmp_path / "league") as league:
        while not any(event.kind == "reset" and event.player == "exploiter" for event in league.play_turn().events):
            pass
        league.play_turn()

        assert not [pair for *pair, _ in league.counts.items() if "exploiter" in pair]
        league.play_turn()
        assert [pair for *pair, _ in league.counts.items() if "exploiter" in pair]


def test_a_league_goes_on_when_nobody_with_a_memory_is_met_any_more(tmp_path: Path) -> None:
    """Seats keep as much memory as those who sit there need now, not as any ever needed."""
    recipe = recipe_from(KUHN, source="the test")
    gru, _, plain = recipe.learners
    learners = (gru, replace(plain, matchmaker="fictitious_play"))
    with League.create(replace(recipe, learners=learners, slots=1), tmp_path / "league") as league:
        bank = league.learners["rover"].bank

        def remembers() -> bool:
            return any(name.startswith("main") for name in bank.residents)

        while not remembers():
            league.play_turn()
        while remembers():
            league.play_turn()
        before = league.turn
    with League.resume(tmp_path / "league") as league:
        league.play_turn()

        assert league.turn == before + 1


def test_a_resumed_league_trains_as_it_did_whatever_presets_say_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with League.create(recipe_from(KUHN, source="the test"), tmp_path / "league") as league:
        before = {name: one.train_config for name, one in league.learners.items()}
    monkeypatch.setattr("marl_ppo.leagues.recipe.preset", lambda world: TrainConfig(world=world, num_envs=3))
    with League.resume(tmp_path / "league") as league:
        assert {name: one.train_config for name, one in league.learners.items()} == before


def test_players_of_different_teams_do_not_compete_for_a_title(tmp_path: Path) -> None:
    """Chasers and prey never swap sides, so a win of one says nothing about who is better."""
    small = {"num_envs": 8, "num_steps": 25, "ppo": {"num_minibatches": 2}}
    settings = {"train": small, "turn_updates": 1, "snapshot_timeout": 100, "snapshot_steps": 100, "ladder_games": 16}
    with League.create(find_recipe("tag", settings=settings), tmp_path / "league") as league:
        league.run(turns=2)

        assert len([row for row in league.store.players() if row.kind == "frozen"]) == 6
        assert league.rankings.title.champion == ""
        assert league.rankings.title.match() is None


def test_who_is_to_begin_with_what_it_has_no_networks_for_is_named(tmp_path: Path) -> None:
    with (
        League.create(_begins_as_main({}), tmp_path / "league") as league,
        pytest.raises(ConfigError, match="learner 'exploiter' cannot begin as 'main', whose networks differ"),
    ):
        league.run(turns=TURNS)


def _begins_as_main(train: dict[str, Any]) -> Recipe:
    main, exploiter, rover = recipe_from(KUHN, source="the test").learners
    exploiter = replace(exploiter, settings={"begins_as": "main"}, train=train)
    return replace(recipe_from(KUHN, source="the test"), learners=(main, exploiter, rover))


def test_frozen_seats_store_nothing_and_learner_seats_everything(played: League) -> None:
    """In a turn with opponents, a decision is recorded exactly where the learner's own policy sat."""
    played.play_turn()
    learner = played.learners["rover"]
    (student,) = learner.trainer.setup.students.values()
    (play,) = learner.trainer.setup.plays
    recorded = np.zeros((0, *student.experience.decided.shape[1:]), bool)
    sat = recorded.copy()
    decide = play.decide

    def watch() -> list:  # type: ignore[type-arg]
        nonlocal sat
        mine = play.played_by(student.actor, 0) & play.world.outputs.acting[0]
        sat = np.concatenate([sat, mine[None]])
        return decide()

    play.decide = watch  # type: ignore[method-assign]
    learner.trainer.train_once()

    np.testing.assert_array_equal(student.experience.decided.numpy(), sat)
    assert 0 < sat.mean() < 0.45  # of turns, half are the opponent's


def test_a_turn_of_frozen_opponents_moves_only_the_learner(played: League) -> None:
    def frozen(learner: Learner) -> list[np.ndarray]:
        stacks = {id(one.stack): one.stack for one in learner.bank.cast.policies if isinstance(one, Member)}
        # A stack of standard networks has its weights in one array, another one in tensors by name.
        states = [getattr(stack, "_state", None) or {"": torch.from_numpy(stack.parameters)} for stack in stacks.values()]
        return [tensor.numpy().copy() for state in states for tensor in state.values()]

    for learner in played.learners.values():
        (policy,) = (student.policy for student in learner.trainer.setup.students.values())
        before, own = frozen(learner), [tensor.detach().clone() for tensor in policy.actor.parameters()]
        learner.train()

        assert before
        assert all(np.array_equal(a, b) for a, b in zip(before, frozen(learner), strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(own, policy.actor.parameters(), strict=True))


def test_sides_are_balanced_in_training_and_on_the_ladder(played: League) -> None:
    for source, most in (("training", 0.1), ("ladder", 0.0)):
        games: dict[str, int] = {}
        for match in played.store.matches(source):  # type: ignore[arg-type]
            games[match.side] = games.get(match.side, 0) + match.games

        assert set(games) == set(played.spec.teams)
        assert abs(games["player_0"] - games["player_1"]) <= most * sum(games.values())


def test_standings_can_be_read_while_a_turn_is_being_written(played: League) -> None:
    with Store.open(played.folder) as reader:
        before = len(reader.ratings())
        with played.store._transaction() as connection:
            connection.execute("DELETE FROM ratings")

            assert len(reader.ratings()) == before > 0
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")


def test_a_league_does_not_begin_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "league").mkdir()
    (tmp_path / "league" / "thesis.tex").touch()

    with pytest.raises(ConfigError, match=r"is not empty; choose another --name"):
        League.create(recipe_from(KUHN, source="the test"), tmp_path / "league")


def test_threads_change_nothing(tmp_path: Path) -> None:
    """Learners side by side, or one after the other."""
    recipe = recipe_from(KUHN, source="the test")
    dumps = []
    for threads in (1, 2):
        with League.create(replace(recipe, threads=threads), tmp_path / str(threads)) as league:
            league.run(turns=4)
            dumps.append([line for line in league.store.dump() if "facts" not in line])

    assert dumps[0] == dumps[1]


def test_an_equal_challenger_is_promoted_no_more_often_than_is_stated() -> None:
    """Scores of ½ on average, 300 challenges at 5 %: at most 15 expected, 24 with 99 % (binomial); a better one is promoted."""
    generator = np.random.default_rng(0)

    def promoted(chance: float) -> bool:
        title = Title(alpha=0.05)
        title.challenge("champion")
        title.challenge("copy")
        while True:
            scores = (generator.random(64) < chance).astype(float)
            verdict = title.take(Played(Fixture("copy", "champion", 64), np.tile([0, 1], 32), scores, np.arange(64)))
            if verdict is not None:
                return verdict.won

    assert sum(promoted(0.5) for _ in range(300)) <= 24
    assert sum(promoted(0.6) for _ in range(50)) >= 45


def test_the_newest_waits_for_the_title_while_another_challenges() -> None:
    title = Title(alpha=0.05)
    for name in ("a", "b", "c", "d"):
        title.challenge(name)
    won = np.ones(64)

    assert title.match() == ("b", "a")
    verdict = title.take(Played(Fixture("b", "a", 64), np.tile([0, 1], 32), won, np.arange(64)))
    assert verdict is not None
    assert verdict.won
    assert (title.champion, title.match()) == ("b", ("d", "b"))
    assert Title.load(title.state()).state() == title.state()
