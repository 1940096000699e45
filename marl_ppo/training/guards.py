"""Alarms: signs that a training goes wrong, each with its name, its rule and what to do. Rules of thumb of the field.

A guard looks at metrics after every update and returns a warning, or None; most look at those of one policy, and one
at the returns and task metrics of the run. Guards warn once until the sign has gone.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from statistics import StatisticsError, correlation, median

from marl_ppo.envs.world import WorldSpec
from marl_ppo.training.config import Algorithm

Metrics = Mapping[str, float]
Guard = Callable[[Metrics, float], str | None]
"""(metrics, progress 0 to 1) → what is wrong"""

TREND_UPDATES = 100
"""updates with finished episodes over which a trend is told"""
CLEAR_TREND = 0.5
"""correlation with time beyond which numbers rise or fall; that of noise is below .3 in 99 of 100 cases"""


SMALLER_STEPS: Mapping[Algorithm, str] = {
    "ppo": "lower ppo.learning-rate or ppo.update-epochs, or set ppo.target-kl",
    "trpo": "lower trpo.max-kl",
}
"""what keeps a policy closer to the one before"""


def policy_divergence(algorithm: Algorithm = "ppo") -> Guard:
    """approx_kl above .05 for 3 updates, or a ratio above 10, or clipfrac above .4."""
    high = 0

    def guard(metrics: Metrics, progress: float) -> str | None:
        nonlocal high
        high = high + 1 if metrics["approx_kl"] > 0.05 else 0
        if high >= 3 or metrics["ratio_max"] > 10 or metrics["clipfrac"] > 0.4:
            return (
                f"the policy moves far in one update (approx_kl {metrics['approx_kl']:.3f}, ratio up to "
                f"{metrics['ratio_max']:.1f}, clipfrac {metrics['clipfrac']:.2f}): {SMALLER_STEPS[algorithm]}"
            )
        return None

    return guard


def entropy_collapse() -> Guard:
    """Entropy below 5 % of the most that legal actions allow, before 30 % of the budget; not of continuous actions."""

    def guard(metrics: Metrics, progress: float) -> str | None:
        if progress < 0.3 and metrics["entropy"] < 0.05 * metrics["max_entropy"]:
            return f"the policy stopped exploring (entropy {metrics['entropy']:.3f}): raise ppo.ent-coef"
        return None

    return guard


def value_failure() -> Guard:
    """explained_variance below 0 for 20 updates."""
    bad = 0

    def guard(metrics: Metrics, progress: float) -> str | None:
        nonlocal bad
        bad = bad + 1 if metrics["explained_variance"] < 0 else 0
        if bad >= 20:
            return (
                f"the critic predicts worse than a constant (explained_variance {metrics['explained_variance']:.2f} "
                "after 20 updates below 0): check critic-input, or change ppo.critic-learning-rate"
            )
        return None

    return guard


def gradient_explosion(skipped_steps: float = 0) -> Guard:
    """A norm of the actor's or critic's gradient above 100 times its running median, or steps skipped as not finite.

    `skipped_steps` are those that a resumed run had before.
    """
    recent: dict[str, deque[float]] = {network: deque(maxlen=100) for network in ("actor", "critic")}
    skipped = float(skipped_steps)

    def guard(metrics: Metrics, progress: float) -> str | None:
        nonlocal skipped
        newly, skipped = metrics["skipped_steps"] - skipped, metrics["skipped_steps"]
        jumps = {}
        for network, norms in recent.items():
            norm = metrics[f"{network}_grad_norm"]
            if len(norms) >= 10:
                jumps[network] = norm / max(median(norms), 1e-12)
            if math.isfinite(norm):
                norms.append(norm)
        if newly > 0:
            return f"{newly:.0f} gradient steps were not finite and were skipped: look for NaN in obs or rewards"
        for network, jump in jumps.items():
            if jump > 100:
                return f"the {network}'s gradient jumped to {jump:.0f} times its usual norm: lower ppo.learning-rate"
        return None

    return guard


def reward_hacking(team: str, higher_is_better: Mapping[str, bool]) -> Guard:
    """The team's return rises while a task metric gets worse and none gets better, over TREND_UPDATES.

    `higher_is_better` by metric. Return and task come apart where reward pays for something else than the task: Pan et
    al. 2022 (arXiv:2201.03544).
    """
    names = {f"metric/{metric}": 1.0 if up else -1.0 for metric, up in higher_is_better.items()}
    recent: dict[str, deque[float]] = {name: deque(maxlen=TREND_UPDATES) for name in (f"return/{team}", *names)}

    def guard(metrics: Metrics, progress: float) -> str | None:
        if f"return/{team}" not in metrics:
            return None
        for name, values in recent.items():
            values.append(metrics[name])
        if len(recent[f"return/{team}"]) < TREND_UPDATES or _trend(recent[f"return/{team}"]) < CLEAR_TREND:
            return None
        trends = {name.removeprefix("metric/"): sign * _trend(recent[name]) for name, sign in names.items()}
        worse = [name for name, trend in trends.items() if trend < -CLEAR_TREND]
        if worse and max(trends.values()) < CLEAR_TREND:
            return f"return rises while {' and '.join(worse)} gets worse: the reward pays for something else than the task"
        return None

    return guard


def _trend(values: Iterable[float]) -> float:
    """Correlation of values with time, -1 to 1; 0 for values that do not change."""
    values = list(values)
    try:
        return correlation(range(len(values)), values)
    except StatisticsError:
        return 0.0


class Guards:
    """Some guards that look together."""

    def __init__(self, guards: Mapping[str, Guard]) -> None:
        self._guards = guards
        self._raised: set[str] = set()

    @classmethod
    def of_policy(cls, skipped_steps: float = 0, algorithm: Algorithm = "ppo") -> "Guards":
        """Those of one policy that learns by `algorithm`, and skipped so many gradient steps before it was resumed."""
        return cls(
            {
                "policy divergence": policy_divergence(algorithm),
                "entropy collapse": entropy_collapse(),
                "value failure": value_failure(),
                "gradient": gradient_explosion(skipped_steps),
            }
        )

    @classmethod
    def of_run(cls, spec: WorldSpec) -> "Guards":
        """Those of the whole run. Task metrics do not say whose they are, so they are watched where there is one team."""
        higher_is_better = {name: metric.higher_is_better for name, metric in spec.metrics.items()}
        watched = len(spec.teams) == 1 and higher_is_better
        return cls({"reward hacking": reward_hacking(spec.teams[0], higher_is_better)} if watched else {})

    def look(self, metrics: Metrics, progress: float) -> dict[str, str]:
        """New warnings by the guard's name; none where a policy learned from nothing."""
        if not metrics.get("decisions", 1.0):
            return {}
        found = {name: text for name, guard in self._guards.items() if (text := guard(metrics, progress)) is not None}
        new = {name: text for name, text in found.items() if name not in self._raised}
        self._raised = set(found)
        return new
