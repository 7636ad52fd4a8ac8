"""What holds for the whole suite."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, however slow the machine: a failure here is a failure of the change.
# To look for new ones: pytest --hypothesis-profile=default
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")
