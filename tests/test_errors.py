from __future__ import annotations

import pickle

from harness.errors import Problem, ScenarioError


def test_an_error_survives_the_way_from_another_process() -> None:
    """All its problems, its type and its exit code come back."""
    error = ScenarioError.listing([Problem("a", "1", "2"), Problem("b", "3", "4")])
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, ScenarioError)
    assert (str(back), back.problems, back.exit_code) == (str(error), error.problems, 2)
