"""What others talk to: a Varlink socket that serves one document and takes a few requests.

* :mod:`~failberry.control.framing` cuts bytes into messages; :mod:`~failberry.control.varlink` gives
  them meaning.  Pure.
* :mod:`~failberry.control.document` is the snapshot as JSON, and the JSON schema of it.  Pure.
* :mod:`~failberry.control.service` answers calls; :mod:`~failberry.control.server` is the socket.
* :mod:`~failberry.control.client` is the other end, for those who ask;
  :mod:`~failberry.control.asyncclient` is the same without blocking.
"""

SOCKET = "/run/failberry/control"
"""Where the daemon listens."""

GROUP = "failberry"
"""Who may read the status."""

INTERFACE = "io.failberry.Appliance"


def is_age(name: str) -> bool:
    """Whether a member of the document is seconds from now, which change while nothing happens."""
    return name.endswith("_for") or name in {"age", "next_in"}
