"""A bonus for what is new: random network distillation, Burda et al. 2019 (arXiv:1810.12894).

A network learns to predict what a fixed one, with random weights, makes of obs. Where it errs, it has not been often.
The bonus is added to the world's rewards: one stream and one critic, where the paper keeps two of each.
"""

import copy
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from marl_ppo.agents.networks import linear
from marl_ppo.errors import FileFormatError
from marl_ppo.play.play import Play
from marl_ppo.ppo.normalization import RunningMeanStd
from marl_ppo.training.student import Student

FEATURES = 32
HIDDEN = 64
SHARE = 0.25
"""of the obs of a rollout that the predictor learns from, as in the paper"""
LEARNING_RATE = 1e-4


class Novelty(nn.Module):
    """How new obs [B, d] are."""

    def __init__(self, size: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.fixed, self.predictor = _network(size, generator), _network(size, generator)
        self.fixed.requires_grad_(False)
        self.obs_statistics = RunningMeanStd(size, clip=5.0)
        self.error_statistics = RunningMeanStd(1)
        self._generator = generator
        self._adam = torch.optim.Adam(self.predictor.parameters(), lr=LEARNING_RATE)

    @torch.no_grad()
    def bonus(self, obs: Tensor) -> Tensor:
        """[B], in units of the deviation of all errors so far."""
        errors = self._errors(obs)
        self.error_statistics.update(errors.unsqueeze(-1))
        return errors / self.error_statistics.var.sqrt().clamp(min=1e-8).to(errors)

    def learn(self, obs: Tensor) -> None:
        """Predict a share of these obs better, and know their spread."""
        chosen = obs[torch.rand(len(obs), generator=self._generator) < SHARE]
        for part in chosen.split(max(1, -(-len(chosen) // 4))):
            self._adam.zero_grad()
            self._errors(part).mean().backward()
            self._adam.step()
        self.obs_statistics.update(obs)

    def state(self) -> dict[str, Tensor]:
        """All that is needed to go on exactly."""
        moments = {
            f"adam.{p}.{key}": torch.as_tensor(value)
            for p, state in self._adam.state_dict()["state"].items()
            for key, value in state.items()
        }
        return {**self.state_dict(), **moments, "generator": self._generator.get_state()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state()`. Raises FileFormatError where it is of other obs."""
        own = self.state_dict()
        if any(key not in state or state[key].shape != own[key].shape for key in own):
            raise FileFormatError(
                "the checkpoint's network for novelty is of another shape: was the run's config.toml changed?"
            )
        self.load_state_dict({key: state[key] for key in own})
        self._generator.set_state(state["generator"])
        moments: dict[int, dict[str, Tensor]] = {}
        for key in state.keys() - own.keys() - {"generator"}:
            _, p, name = key.split(".")
            moments.setdefault(int(p), {})[name] = state[key].clone()
        self._adam.load_state_dict({**self._adam.state_dict(), "state": moments})

    def _errors(self, obs: Tensor) -> Tensor:
        seen = self.obs_statistics(obs.float())
        return (self.predictor(seen) - self.fixed(seen)).square().mean(-1)


class CuriousStudent(Student):
    """A student that is paid for what is new to it, beside what the world pays."""

    def be_curious(self, name: str, novelty: Novelty, weight: float) -> None:
        """Be paid `weight` times the bonus, and tell of it under `name`. From now on the rewards in the store are its own."""
        self.name, self.novelty, self.weight = name, novelty, weight
        self.besides = {"novelty": novelty}
        self._world = self.store
        self.store = copy.copy(self.store)
        self.store.rewards = tuple(map(torch.clone, self._world.rewards))

    def end(self, plays: Sequence[Play]) -> None:
        """See `Pupil`."""
        g, rows = self.experience.group, slice(2, None)
        own, alive = self.store.rewards[g], self.store.alive[g][rows]
        obs = self.store.seats_obs(g)[2 * self.experience.num_seats :]
        bonus = torch.where(alive, self.novelty.bonus(obs).view(alive.shape), 0.0)
        own[rows] = self._world.rewards[g][rows] + self.weight * bonus
        self._mean = bonus.mean()
        self.novelty.learn(obs[alive.flatten()])

    def metrics(self) -> Mapping[str, Tensor | float]:
        """See `Pupil`."""
        return {f"{self.name}/novelty": self._mean}


def _network(size: int, generator: torch.Generator) -> nn.Sequential:
    widths = [size, HIDDEN, HIDDEN, FEATURES]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [linear(inputs, outputs, gain=2**0.5, generator=generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
