"""Alarms: signs that a training goes wrong, each with its name, its rule and what to do. Rules of thumb of the field.

A guard looks at one policy's metrics after every update and returns a warning, or None; it warns once until the sign
has gone.
"""

from collections import deque
from collections.abc import Callable, Mapping
from statistics import median

Metrics = Mapping[str, float]
Guard = Callable[[Metrics, float], str | None]
"""(a policy's metrics, progress 0 to 1) → what is wrong"""


def policy_divergence() -> Guard:
    """approx_kl above .05 for 3 updates, or a ratio above 10, or clipfrac above .4."""
    high = 0

    def guard(metrics: Metrics, progress: float) -> str | None:
        nonlocal high
        high = high + 1 if metrics["approx_kl"] > 0.05 else 0
        if high >= 3 or metrics["ratio_max"] > 10 or metrics["clipfrac"] > 0.4:
            return (
                f"the policy moves far in one update (approx_kl {metrics['approx_kl']:.3f}, ratio up to "
                f"{metrics['ratio_max']:.1f}, clipfrac {metrics['clipfrac']:.2f}): "
                "lower ppo.learning-rate or ppo.update-epochs, or set ppo.target-kl"
            )
        return None

    return guard


def entropy_collapse(max_entropy: float) -> Guard:
    """Entropy below 5 % of the most there can be, before 30 % of the budget; `max_entropy` in nats, 0 if continuous."""

    def guard(metrics: Metrics, progress: float) -> str | None:
        if progress < 0.3 and max_entropy and metrics["entropy"] < 0.05 * max_entropy:
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
                "after 20 updates below 0): check critic-input, or raise ppo.vf-coef"
            )
        return None

    return guard


def gradient_explosion() -> Guard:
    """A gradient norm above 100 times its running median, or steps skipped because it was not finite."""
    norms: deque[float] = deque(maxlen=100)
    skipped = 0.0

    def guard(metrics: Metrics, progress: float) -> str | None:
        nonlocal skipped
        norm, usual = metrics["actor_grad_norm"], median(norms) if len(norms) >= 10 else None
        norms.append(norm)
        newly, skipped = metrics["skipped_steps"] - skipped, metrics["skipped_steps"]
        if newly > 0:
            return f"{newly:.0f} gradient steps were not finite and were skipped: look for NaN in obs or rewards"
        if usual is not None and norm > 100 * usual:
            return f"the gradient jumped to {norm / usual:.0f} times its usual norm: lower ppo.learning-rate"
        return None

    return guard


class Guards:
    """All guards of one policy."""

    def __init__(self, max_entropy: float) -> None:
        self._guards: dict[str, Guard] = {
            "policy divergence": policy_divergence(),
            "entropy collapse": entropy_collapse(max_entropy),
            "value failure": value_failure(),
            "gradient": gradient_explosion(),
        }
        self._raised: set[str] = set()

    def look(self, metrics: Metrics, progress: float) -> dict[str, str]:
        """New warnings by the guard's name; none where nothing was learned from."""
        if not metrics["decisions"]:
            return {}
        found = {name: text for name, guard in self._guards.items() if (text := guard(metrics, progress)) is not None}
        new = {name: text for name, text in found.items() if name not in self._raised}
        self._raised = set(found)
        return new
