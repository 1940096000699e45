"""The actor's part of PPO by hand: gradients of the clipped surrogate with entropy bonus, and acting. Discrete actions.

With probabilities p of the logits z, entropy H, ratio = p_new(action) / p_old(action) and advantage A, a row's loss is
-min(ratio A, clip(ratio) A) - ent_coef H (Schulman et al. 2017, arXiv:1707.06347), and its derivative

    d loss / dz_k = slope ((k is the action) - p_k) + ent_coef p_k (log p_k + H),
    slope = -ratio A where the surrogate follows the ratio, 0 where it is clipped.

The loops run over the rows of a block, choice by choice, since rows are what the machine does many of at once.

Axes: R rows of the rollout, B rows of a minibatch, K choices, P parameters.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from marl_ppo.agents.distributions import FORBIDDEN_LOGIT
from marl_ppo.kernels.math32 import exp, log
from marl_ppo.kernels.tile import LANES
from marl_ppo.training.fused.inputs import Inputs, gather
from marl_ppo.training.fused.mlp import Array, FusedMLP, Net, backward, forward, load, take_gradient

_FORBIDDEN = np.float32(FORBIDDEN_LOGIT)
_ZERO, _ONE = np.float32(0), np.float32(1)
_Sums = tuple[Any, Any, Any, Any, Any, Any]  # the numbers of ActorStats, float64
_BELOW_ONE = np.float32(1 - np.finfo(np.float32).eps)


class ActorBatch(NamedTuple):
    """What a rollout tells the actor. All arrays have a row per decision."""

    inputs: Inputs
    actions: Array
    """int64 [R]"""
    logprob: Array
    """float32 [R], of the policy that acted"""
    advantages: Array
    """float32 [R]"""
    mask: Array
    """bool [R, K], True means legal; [0, K] for none"""


class ActorStats(NamedTuple):
    """Sums over the rows of a minibatch."""

    policy_loss: float
    entropy: float
    approx_kl: float
    """k3 of Schulman, joschu.net/blog/kl-approx.html: (ratio - 1) - log ratio"""
    clipped: float
    """rows whose ratio is outside the clip range"""
    ratio_min: float
    ratio_max: float


class FusedActor(FusedMLP):
    """The fast twin of an MLP actor for discrete actions. One per thread."""

    def gradient(
        self,
        batch: ActorBatch,
        rows: Array,
        gradient: Array,
        *,
        weight: float,
        clip_coef: float,
        ent_coef: float,
        dual_clip: float = np.inf,
    ) -> ActorStats:
        """Write the gradient of `weight` times the summed loss of `rows` (int64 [B]) to `gradient` (float32 [P]).

        `weight` is 1 / rows of the whole minibatch, so that parts of it can be added up. `dual_clip` bounds the loss
        of a bad action at that many times its advantage (Ye et al. 2020, arXiv:1912.09729).
        """
        stats = _gradient(
            self.net,
            batch,
            rows,
            gradient,
            np.float32(weight),
            np.float32(clip_coef),
            np.float32(ent_coef),
            np.float32(dual_clip),
        )
        return ActorStats(*stats)

    def act(self, inputs: Inputs, mask: Array, noise: Array, actions: Array, logprob: Array) -> None:
        """Sample `actions` (int64 [R], written) and their `logprob` (float32 [R], written) for all R rows.

        `noise` is float32 [R], uniform on (0, 1): the action is the inverse of the cumulative distribution there.
        """
        _act(self.net, np.arange(len(actions)), inputs, mask, noise, actions, logprob)

    def act_in_turn(
        self,
        parameters: Array,
        order: Array,
        ends: Array,
        inputs: Inputs,
        mask: Array,
        noise: Array,
        actions: Array,
        logprob: Array,
    ) -> None:
        """As `act`, with K networks: the rows `order[ends[k - 1] : ends[k]]` (int64 [R], [K]) with `parameters[k]` ([K, P])."""
        _act_in_turn(self.net, parameters, order, ends, inputs, mask, noise, actions, logprob)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _gradient(
    net: Net,
    batch: ActorBatch,
    rows: Array,
    gradient: Array,
    weight: np.float32,
    clip_coef: np.float32,
    ent_coef: np.float32,
    dual_clip: np.float32,
) -> tuple[Any, ...]:
    choices = net.widths[-1]
    logprobs, probs = np.empty((choices, net.block), np.float32), np.empty((choices, net.block), np.float32)
    action, entropy, advantage = np.empty(net.block, np.int32), np.empty(net.block, np.float32), np.empty(net.block, np.float32)
    logratio, ratio = np.empty(net.block, np.float32), np.empty(net.block, np.float32)
    loss, slope = np.empty(net.block, np.float32), np.empty(net.block, np.float32)
    stats = (0.0, 0.0, 0.0, 0.0, np.inf, -np.inf)
    # Many short loops, each over few arrays: that is what the compiler turns into vectors.
    for begin in range(0, len(rows), net.block):
        block = rows[begin : begin + net.block]
        n = len(block)
        gather(batch.inputs, block, net)
        forward(net, n)
        _read_logits(net, batch.mask, block, logprobs)
        _log_softmax(logprobs, probs, entropy, n)
        for r in range(n):
            row = block[r]
            action[r], logratio[r], advantage[r] = batch.actions[row], -batch.logprob[row], batch.advantages[row]
        for k in range(choices):
            for r in range(n):
                logratio[r] += logprobs[k, r] if action[r] == k else _ZERO
        for r in range(n):
            ratio[r] = exp(logratio[r])
        for r in range(n):
            loss[r], slope[r] = _surrogate_loss(ratio[r], advantage[r], clip_coef, dual_clip)
        for k in range(choices):
            for r in range(n):
                towards_action = slope[r] * ((_ONE if action[r] == k else _ZERO) - probs[k, r])
                towards_entropy = ent_coef * probs[k, r] * (logprobs[k, r] + entropy[r])
                probs[k, r] = weight * (towards_action + towards_entropy)
        _write_deltas(net, probs, n)
        backward(net, n)
        stats = _add_stats(stats, loss[:n], entropy[:n], logratio[:n], ratio[:n], clip_coef)
    take_gradient(net, gradient)
    return stats


@njit(cache=True, nogil=True, inline="always")
def _surrogate_loss(
    ratio: np.float32, advantage: np.float32, clip_coef: np.float32, dual_clip: np.float32
) -> tuple[np.float32, np.float32]:
    """The loss of one row, and its derivative with respect to the log-probability."""
    gain = ratio * advantage
    kept = _ONE - clip_coef if ratio < _ONE - clip_coef else ratio
    kept = _ONE + clip_coef if ratio > _ONE + clip_coef else kept
    surrogate = kept * advantage
    surrogate = surrogate if surrogate < gain else gain
    bound = dual_clip * advantage if advantage < 0 else surrogate
    surrogate = bound if bound > surrogate else surrogate
    return -surrogate, -gain if gain == surrogate else _ZERO


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"}, error_model="numpy")
def _add_stats(
    stats: _Sums,
    loss: Array,
    entropy: Array,
    logratio: Array,
    ratio: Array,
    clip_coef: np.float32,
) -> _Sums:
    """Add a block's rows to the numbers of `ActorStats`; that `reassoc` lets sums be taken in any fixed order."""
    losses, entropies, kl, clipped, low, high = _ZERO, _ZERO, _ZERO, 0, ratio[0], ratio[0]
    for r in range(len(loss)):
        losses += loss[r]
        entropies += entropy[r]
        kl += (ratio[r] - _ONE) - logratio[r]
        clipped += abs(ratio[r] - _ONE) > clip_coef
    for r in range(len(ratio)):
        low, high = min(low, ratio[r]), max(high, ratio[r])
    return (
        stats[0] + losses,
        stats[1] + entropies,
        stats[2] + kl,
        stats[3] + clipped,
        min(stats[4], low),
        max(stats[5], high),
    )


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _act(net: Net, rows: Array, inputs: Inputs, mask: Array, noise: Array, actions: Array, logprob: Array) -> None:
    choices = net.widths[-1]
    logprobs, probs = np.empty((choices, net.block), np.float32), np.empty((choices, net.block), np.float32)
    entropy = np.empty(net.block, np.float32)
    for begin in range(0, len(rows), net.block):
        block = rows[begin : begin + net.block]
        n = len(block)
        gather(inputs, block, net)
        forward(net, n)
        _read_logits(net, mask, block, logprobs)
        _log_softmax(logprobs, probs, entropy, n)
        for r in range(n):
            total = _ZERO
            for k in range(choices):
                total += probs[k, r]
            # Kept below the total, which a product of two floats could otherwise reach.
            threshold = noise[block[r]] * (total * _BELOW_ONE)
            cumulated = _ZERO
            # What stays where the network gives NaN: an action all the same, with a logprob that shows it.
            actions[block[r]], logprob[block[r]] = choices - 1, logprobs[choices - 1, r]
            for k in range(choices):
                cumulated += probs[k, r]
                if probs[k, r] > 0 and cumulated > threshold:
                    actions[block[r]] = k
                    logprob[block[r]] = logprobs[k, r]
                    break


@njit(cache=True, nogil=True, error_model="numpy")
def _act_in_turn(
    net: Net,
    parameters: Array,
    order: Array,
    ends: Array,
    inputs: Inputs,
    mask: Array,
    noise: Array,
    actions: Array,
    logprob: Array,
) -> None:
    begin = 0
    for k in range(len(parameters)):
        if ends[k] > begin:
            load(net, parameters[k])
            _act(net, order[begin : ends[k]], inputs, mask, noise, actions, logprob)
        begin = ends[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _read_logits(net: Net, mask: Array, block: Array, logits: Array) -> None:
    """The outputs of the rows `block` by choice, [K, block], those of illegal actions pushed down."""
    choices = len(logits)
    stride = -(-choices // LANES) * LANES
    outputs = net.activations[-net.block * stride :].reshape(net.block, stride)
    for r in range(len(block)):
        for k in range(choices):
            logits[k, r] = outputs[r, k]
    if len(mask):
        for r in range(len(block)):
            for k in range(choices):
                if not mask[block[r], k]:
                    logits[k, r] = _FORBIDDEN


@njit(cache=True, nogil=True, error_model="numpy")
def _write_deltas(net: Net, deltas: Array, n: int) -> None:
    """The way back: derivatives [K, block] with respect to the logits of n rows."""
    choices = len(deltas)
    stride = -(-choices // LANES) * LANES
    outputs = net.deltas[-net.block * stride :].reshape(net.block, stride)
    for r in range(n):
        for k in range(choices):
            outputs[r, k] = deltas[k, r]


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def _log_softmax(logits: Array, probs: Array, entropy: Array, n: int) -> None:
    """Turn logits [K, block] into log-probabilities; write probabilities and the entropy of n rows."""
    choices = len(logits)
    top, total = np.empty(n, np.float32), np.empty(n, np.float32)
    for r in range(n):
        top[r], total[r], entropy[r] = logits[0, r], _ZERO, _ZERO
    for k in range(1, choices):
        for r in range(n):
            top[r] = max(top[r], logits[k, r])
    for k in range(choices):
        for r in range(n):
            logits[k, r] -= top[r]
            probs[k, r] = exp(logits[k, r])
            total[r] += probs[k, r]
    for r in range(n):
        top[r] = log(total[r])
        total[r] = _ONE / total[r]
    for k in range(choices):
        for r in range(n):
            logits[k, r] -= top[r]
            probs[k, r] *= total[r]
            entropy[r] -= probs[k, r] * logits[k, r]
