"""Coefficients over a run."""

import pytest

from marl_ppo.ppo.schedules import Schedule


@pytest.mark.parametrize(
    ("shape", "quarter", "half", "end"),
    [("constant", 8.0, 8.0, 8.0), ("linear", 6.5, 5.0, 2.0), ("cosine", 7.12132, 5.0, 2.0)],
)
def test_a_schedule_goes_from_its_start_to_its_end(shape: str, quarter: float, half: float, end: float) -> None:
    """From 8 to 2. A cosine has (1 + cos 45°) / 2 = .853553 of the way left after a quarter: 2 + 6 * .853553."""
    schedule = Schedule(shape, 8.0, 2.0)

    assert schedule(0.0) == 8.0
    assert schedule(0.25) == pytest.approx(quarter)
    assert schedule(0.5) == pytest.approx(half)
    assert schedule(1.0) == pytest.approx(end)


def test_a_schedule_stays_at_its_end_when_a_run_overshoots() -> None:
    """The last rollout may pass the budget; a learning rate below 0 would climb."""
    assert Schedule("linear", 3e-4)(1.01) == 0.0
    assert Schedule("linear", 3e-4)(-0.5) == 3e-4


def test_an_unknown_schedule_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"no schedule is called 'liner'; use one of constant, linear, cosine"):
        Schedule("liner", 1.0)
