"""How many examples the property tests try: always the same few, or many at random."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_USUAL = 100


def register_profiles() -> None:
    """Tell Hypothesis of the profiles; the usual one gives the same code the same verdict."""
    # How long an example takes tells of the machine
    usual = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("usual", usual, max_examples=_USUAL, derandomize=True, database=None)
    settings.register_profile(
        "exploring", usual, max_examples=10 * _USUAL, derandomize=False, print_blob=True
    )
    settings.load_profile("usual")


def examples(count: int) -> int:
    """Give how many examples a test tries that usually tries so many."""
    profile = settings.get_profile(settings.get_current_profile_name())
    return count * profile.max_examples // _USUAL
