"""Tells people and programs what happens in the house: a process of its own, without rights.

It reads the event history from where it was (:mod:`.service`), makes messages (:mod:`.reading`, pure), keeps
them on the disk (:mod:`.book`) in one queue for each channel (:mod:`.outbox`, pure), and sends them by
adapters of its own while a line works.  It decides nothing about lines.
"""

SOCKET = "/run/failberry-notify/control"
"""Where it answers ``failberryctl notify``."""
STUCK = "/run/failberry-notify/stuck"
"""What the daemon shall tell as a notice (:mod:`failberry.adapters.stuck`)."""
INTERFACE = "io.failberry.Notify"
USER = "failberry-notify"
