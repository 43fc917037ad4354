"""`pytest --hypothesis-profile=long tests/property/server_and_lock` runs many more and longer lives."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "long", max_examples=1000, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
