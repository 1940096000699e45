"""Each check of the contract passes a sound world and catches a world that breaks its rule."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from sound_world import EDGE, MAX_STEPS, SoundWorld

from marl_ppo.envs.conformance import CHECKS, Check, check_world, checks_for, episode_hash
from marl_ppo.envs.conformance import outputs as of_outputs
from marl_ppo.envs.conformance import purity as of_purity
from marl_ppo.envs.conformance import snapshots as of_snapshots
from marl_ppo.envs.conformance.drive import COPIES, Driver
from marl_ppo.envs.probes.common import uniforms, write
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, Group, Outputs
from marl_ppo.errors import ConformanceError, WorldError


class VersionZero(SoundWorld):
    spec_changes: ClassVar = {"version": 0}


class DoublePrecisionRewards(SoundWorld):
    def _step(self, actions: Sequence[Array]) -> None:
        super()._step(actions)
        self.outputs.rewards = (self.outputs.rewards[0].astype(np.float64),)


class ObsBeyondTheBox(SoundWorld):
    def values(self, died: Array) -> dict[str, Array]:
        values = super().values(died)
        return values | {"obs.0.vector": 10.0 * EDGE * values["obs.0.vector"]}


class TheDeadSee(SoundWorld):
    def values(self, died: Array) -> dict[str, Array]:
        return super().values(died) | {"obs.0.vector": np.ones((self.num_envs, 3, 2))}


class ActsAfterTheEnd(SoundWorld):
    def values(self, died: Array) -> dict[str, Array]:
        return super().values(died) | {"acting.0": self.acting()}


class MasksThoseWhoWait(SoundWorld):
    def values(self, died: Array) -> dict[str, Array]:
        values = super().values(died)
        return values | {"action_mask.0": values["action_mask.0"] & values["acting.0"][..., None]}


class EndsAtEveryStep(SoundWorld):
    """Terminations are levels: True at every step after a death."""

    def values(self, died: Array) -> dict[str, Array]:
        return super().values(died) | {"terminations.0": ~self.alive}


class EndsWithoutEdges(SoundWorld):
    def values(self, died: Array) -> dict[str, Array]:
        return super().values(died) | {"truncations.0": np.zeros_like(died)}


class PlaysPastItsLimit(SoundWorld):
    spec_changes: ClassVar = {"max_steps": MAX_STEPS - 1}


class StepsThroughTheEnd(SoundWorld):
    def step(self, actions: Sequence[Array]) -> Outputs:
        self._running[:] = True
        return super().step(actions)


class TakesAnyAction(SoundWorld):
    def _refuse_outside(self, actions: Sequence[Array], acting: Sequence[Array | bool]) -> None:
        pass


class RefusesWithoutAName(SoundWorld):
    def _refusal(self, group: Group, copy: int, agent: int, action: Any) -> WorldError:
        return WorldError("step: an action is wrong")


class MovesBeforeItRefuses(SoundWorld):
    def _step(self, actions: Sequence[Array]) -> None:
        self.x += 0.1
        super()._step(actions)


class ForgetsItsMetric(SoundWorld):
    def values(self, died: Array) -> dict[str, Array]:
        return super().values(died) | {"metrics.alive": np.full(self.num_envs, np.nan)}


class UnbalancedOutcomes(SoundWorld):
    def values(self, died: Array) -> dict[str, Array]:
        return super().values(died) | {"outcomes": np.ones((self.num_envs, 2))}


class OneParamForAll(SoundWorld):
    """The params of the last reset hold for every copy."""

    def _checked_params(self, where: Array, params: Mapping[str, float | Array]) -> Array:
        latched = super()._checked_params(where, params)
        self.params[:] = latched[0]
        return latched


class TakesAnyParam(SoundWorld):
    def _checked_params(self, where: Array, params: Mapping[str, float | Array]) -> Array:
        return super()._checked_params(where, {name: np.clip(params[name], -0.5, 0.5) for name in params if name == "wind"})


class ChanceDependsOnNumEnvs(SoundWorld):
    def gusts(self) -> Array:
        return uniforms(self.seeds + np.uint64(self.num_envs), self.tick * 3, 3) - 0.5


class FeelsItsNeighbours(SoundWorld):
    def gusts(self) -> Array:
        return super().gusts() + 0.01 * np.roll(self.x, 1, axis=0)


class CountsItsResets(SoundWorld):
    resets = 0

    def _reset(self, where: Array) -> None:
        self.resets += 1
        super()._reset(where)

    def gusts(self) -> Array:
        return uniforms(self.seeds + np.uint64(self.resets), self.tick * 3, 3) - 0.5


class StartsWhereItStopped(SoundWorld):
    def _reset(self, where: Array) -> None:
        before = self.x.copy()
        super()._reset(where)
        self.x[where] += 0.1 * before[where]


class ResetRewritesAll(SoundWorld):
    def write(self, where: Array, died: Array) -> None:
        super().write(np.ones_like(where), died)


class ReadsItsOutputsBack(SoundWorld):
    def acting(self) -> Array:
        return super().acting() & self.outputs.alive[0]


class LeavesZerosUnwritten(SoundWorld):
    """Trusts that the array it writes into still has the zeros of the last step."""

    def write(self, where: Array, died: Array) -> None:
        for name, value in self.values(died).items():
            array = self.outputs.arrays()[name]
            array[where & (np.ones_like(where) if name != "terminations.0" else died.any(axis=1))] = 0
            rows = where & np.asarray(value).reshape(self.num_envs, -1).any(axis=1)
            array[rows] = np.asarray(value)[rows]


class WritesToItsFirstOutputs(SoundWorld):
    def write(self, where: Array, died: Array) -> None:
        if not hasattr(self, "first"):
            self.first = self.outputs
        write(self.first, where, self.values(died))


class HearsThoseWhoWait(SoundWorld):
    def _step(self, actions: Sequence[Array]) -> None:
        self.x += 0.1 * (actions[0] == 2)
        super()._step(actions)


class ChangesActions(SoundWorld):
    def _step(self, actions: Sequence[Array]) -> None:
        super()._step(actions)
        actions[0][:] -= 1


class DrawingMoves(SoundWorld):
    def scene(self, copy: int) -> Scene:
        self.x[copy] += 0.01
        return super().scene(copy)


class SharesItsScratch(SoundWorld):
    """All worlds of the process put their positions into one place for a moment."""

    scratch: ClassVar[dict[str, Array]] = {}

    def _step(self, actions: Sequence[Array]) -> None:
        SharesItsScratch.scratch["x"] = self.x
        time.sleep(1e-3)
        self.x = SharesItsScratch.scratch["x"].copy()
        super()._step(actions)


class ForgetsPositions(SoundWorld):
    def _arrays(self) -> dict[str, Array]:
        return {"alive": self.alive, "tick": self.tick}


class SnapshotsViews(SoundWorld):
    def snapshot(self) -> dict[str, Array]:
        return self._all_arrays()


BROKEN_WORLDS: tuple[tuple[Check, type[SoundWorld], str], ...] = (
    (of_outputs.check_spec, VersionZero, "version must be at least 1, got 0"),
    (of_outputs.check_shapes_and_dtypes, DoublePrecisionRewards, r"rewards\.0 has shape and dtype .*float64"),
    (of_outputs.check_obs_within_space, ObsBeyondTheBox, r"obs\.0\.vector must be finite and within"),
    (of_outputs.check_the_dead_see_zeros, TheDeadSee, "not alive must be zeros"),
    (of_outputs.check_who_acts, ActsAfterTheEnd, "acting.0 is True in copies that have ended"),
    (of_outputs.check_masks, MasksThoseWhoWait, "must be all True for seats that are not acting"),
    (of_outputs.check_endings_are_edges, EndsAtEveryStep, "ended .*2.* times in an episode"),
    (of_outputs.check_endings_are_edges, EndsWithoutEdges, "ended, but seats of group 0 ended .*0.* times, wanted 1"),
    (of_outputs.check_step_limit, PlaysPastItsLimit, "have not ended after max_steps=7 steps"),
    (of_outputs.check_stepping_an_ended_copy_raises, StepsThroughTheEnd, "went on although a copy had ended"),
    (of_outputs.check_actions_outside_their_space_are_refused, TakesAnyAction, r"took the action -1 of walker_\d in copy 4"),
    (of_outputs.check_actions_outside_their_space_are_refused, RefusesWithoutAName, "by copy, agent and action, got: step: an"),
    (of_outputs.check_actions_outside_their_space_are_refused, MovesBeforeItRefuses, r"but had changed \['world\.x'\]"),
    (of_outputs.check_scores_are_finite, ForgetsItsMetric, "metric 'alive' must end within"),
    (of_outputs.check_scores_are_finite, UnbalancedOutcomes, "must sum to 0"),
    (of_outputs.check_params_are_latched, OneParamForAll, "params 'wind' are"),
    (of_outputs.check_params_are_latched, TakesAnyParam, "accepted param 'wind' above its range"),
    (of_purity.check_num_envs_does_not_matter, ChanceDependsOnNumEnvs, "the number of copies matters"),
    (of_purity.check_other_copies_do_not_matter, FeelsItsNeighbours, "matters?: .* of copy . is"),
    (of_purity.check_order_of_resets_does_not_matter, CountsItsResets, "the order of resets matters"),
    (of_purity.check_reset_forgets, StartsWhereItStopped, "what was played before a reset matters"),
    (of_purity.check_reset_rewrites_only_where, ResetRewritesAll, "rewrote obs.0.vector of copies"),
    (of_purity.check_outputs_are_not_read_back, ReadsItsOutputsBack, "overwriting the outputs matters"),
    (of_purity.check_bound_outputs_are_written, WritesToItsFirstOutputs, "what is in bound outputs matters"),
    (of_purity.check_bound_outputs_are_written, LeavesZerosUnwritten, "terminations.0 of copy"),
    (of_purity.check_actions_of_waiting_seats_are_ignored, HearsThoseWhoWait, "the action of a seat not acting matters"),
    (of_purity.check_actions_are_not_changed, ChangesActions, "changed the action arrays"),
    (of_purity.check_drawing_does_not_matter, DrawingMoves, "drawing matters"),
    (of_purity.check_threads_do_not_matter, SharesItsScratch, "stepping in threads matters"),
    (of_snapshots.check_snapshot_continues_elsewhere, ForgetsPositions, "a restored world plays differently"),
    (of_snapshots.check_snapshot_rewinds, SnapshotsViews, "a world taken back plays differently"),
)


def test_a_sound_world_passes_every_check() -> None:
    check_world(SoundWorld)


def test_the_sound_world_meets_what_the_checks_are_about() -> None:
    """Seats that wait, deaths ahead of the end, cuts, illegal actions: else a check would pass by looking at nothing."""
    driver = Driver(SoundWorld(COPIES)).start().play(20)
    rows = [row for history in driver.histories for row in history]

    assert any((row["alive.0"] & ~row["acting.0"]).any() and not row["ended"] for row in rows)
    assert any(row["terminations.0"].any() and not row["ended"] for row in rows)
    assert any(row["truncations.0"].any() for row in rows)
    assert any(not row["action_mask.0"].all() for row in rows)


@pytest.mark.parametrize(("check", "broken", "message"), BROKEN_WORLDS, ids=[w.__name__ for _, w, _ in BROKEN_WORLDS])
def test_a_broken_rule_is_caught_and_named(check: Check, broken: type[SoundWorld], message: str) -> None:
    check(SoundWorld)

    with pytest.raises(ConformanceError, match=message):
        check(broken)


def test_every_check_has_a_world_that_fails_it() -> None:
    assert {check for check, _, _ in BROKEN_WORLDS} == set(CHECKS)


def test_what_a_world_does_not_offer_is_not_checked() -> None:
    """A world that cannot be played twice, such as a foreign env, is still held to what it tells."""

    class OnceOnly(SoundWorld):
        spec_changes: ClassVar[dict[str, Any]] = {"capabilities": frozenset({"state", "outcomes"})}

    assert checks_for(OnceOnly(1).spec) == of_outputs.OUTPUT_CHECKS


def test_episode_hash_sees_one_bit_of_one_reward() -> None:
    class OneBit(SoundWorld):
        def values(self, died: Array) -> dict[str, Array]:
            values = super().values(died)
            values["rewards.0"][0, 0] *= 1.0 + 2.0**-22
            return values

    assert episode_hash(SoundWorld) == episode_hash(SoundWorld)
    assert episode_hash(SoundWorld) != episode_hash(OneBit)
