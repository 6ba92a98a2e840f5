"""What every test shares: nothing is random that is not keyed, and no test has a clock of its own."""

from __future__ import annotations

from hypothesis import settings

import model  # noqa: F401  # sets what TensorFlow reads as it is loaded

# The same examples every time; no deadline, because the first call of a compiled function takes seconds.
settings.register_profile("bench", derandomize=True, deadline=None)
settings.load_profile("bench")
