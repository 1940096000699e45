"""Exact values of small games by walking their tree (`marl_ppo.envs.tree`): pay-offs, best responses, NashConv.

strategy  information set → probability of each action, for all players at once
NashConv  the sum over players of what a best response would gain: 0 at a Nash equilibrium. Exploitability in a
          two-player zero-sum game is half of it
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from marl_ppo.envs.tree import Node
from marl_ppo.envs.world import Array

Strategy = Mapping[Any, Sequence[float] | Array]


def information_sets(root: Node) -> dict[Hashable, Node]:
    """Every information set with one of its nodes, whose `obs` and `children` are those of all."""
    if root.payoffs is not None:
        return {}
    below = [node for _, node in root.chance] or list(root.children.values())
    found: dict[Hashable, Node] = {} if root.chance else {root.information_set: root}
    for node in below:
        found |= information_sets(node)
    return found


def expected_payoffs(root: Node, strategy: Strategy) -> Array:
    """What each player gets on average when all play `strategy`: float64 [players]."""
    if root.payoffs is not None:
        return np.array(root.payoffs)
    branches = root.chance or [
        (float(strategy[root.information_set][action]), child) for action, child in root.children.items()
    ]
    return np.asarray(sum(probability * expected_payoffs(child, strategy) for probability, child in branches))


def best_response_payoff(root: Node, strategy: Strategy, player: int) -> float:
    """What `player` gets with the best answer to the others' `strategy`. Needs perfect recall."""
    weighted_nodes: dict[Hashable, list[tuple[float, Node]]] = defaultdict(list)

    def collect(node: Node, weight: float) -> None:
        """List the nodes of the player's information sets, weighted by how probably chance and the others go there."""
        if node.payoffs is not None:
            return
        if node.chance:
            for probability, child in node.chance:
                collect(child, weight * probability)
            return
        mine = node.player == player
        if mine:
            weighted_nodes[node.information_set].append((weight, node))
        for action, child in node.children.items():
            collect(child, weight if mine else weight * float(strategy[node.information_set][action]))

    best_actions: dict[Hashable, int] = {}

    def best_action(information_set: Hashable) -> int:
        if information_set not in best_actions:
            totals: dict[int, float] = defaultdict(float)
            for weight, node in weighted_nodes[information_set]:
                for action, child in node.children.items():
                    totals[action] += weight * payoff(child)
            best_actions[information_set] = max(totals, key=lambda action: totals[action])
        return best_actions[information_set]

    def payoff(node: Node) -> float:
        if node.payoffs is not None:
            return node.payoffs[player]
        if node.chance:
            return sum(probability * payoff(child) for probability, child in node.chance)
        if node.player == player:
            return payoff(node.children[best_action(node.information_set)])
        probabilities = strategy[node.information_set]
        return sum(float(probabilities[action]) * payoff(child) for action, child in node.children.items())

    collect(root, 1.0)
    return payoff(root)


def nash_conv(root: Node, strategy: Strategy) -> float:
    """Σ_i [max over π' of u_i(π', π_-i) - u_i(π)] (Lanctot et al. 2017, arXiv:1711.00832)."""
    played = expected_payoffs(root, strategy)
    return float(sum(best_response_payoff(root, strategy, player) - u for player, u in enumerate(played)))
