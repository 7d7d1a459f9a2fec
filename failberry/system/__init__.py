"""What the SD-card image has besides the daemon: its first boot, its two root slots, its updates.

None of it runs on a Debian system of the owner's own.
"""
