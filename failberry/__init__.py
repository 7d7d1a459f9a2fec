"""Failberry: the backup Internet line of a home data centre, on a Raspberry Pi with a USB modem.

The map of the house, front door first:

* :mod:`failberry.daemon` builds the adapters from the configuration and starts everything.
* :mod:`failberry.engine` is the loop: one queue of events, one timer, one writer of state.
* :mod:`failberry.core` decides.  Pure: events and the time go in, actions come out.
* :mod:`failberry.at` speaks to modems.  Pure: bytes go in, frozen values come out.
* :mod:`failberry.adapters` touch the world, one third-party package each.
* :mod:`failberry.health`, :mod:`failberry.control` and :mod:`failberry.ctl` are what others talk to.
"""

__version__ = "0.1.0"
