"""What the SD-card image has besides the daemon: its first boot, its two root slots, its updates.

None of it runs on a Debian system of the owner's own.
"""

STATE = "/var/lib/failberry-system"
"""On the data partition."""
RUNTIME = "/run/failberry-system"
LEDGER = f"{STATE}/state.json"
"""What is known of the slots."""
PROGRESS = f"{RUNTIME}/progress.json"
"""How far an update or a trial is."""
