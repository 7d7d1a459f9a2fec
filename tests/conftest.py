"""For all tests."""

from hypothesis import HealthCheck, settings

# No deadline for an example (200 ms unless told), nor for the making of examples: a machine with other work
# would fail what is right. What takes long is measured in bench/.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
