"""The dashboard: a page for those in the house, and metrics.  Reads what the daemon tells; decides nothing.

Theory of operation
===================
A process of its own, with a user of its own, on the LAN only::

    daemon --Watch, Events (one stream each)--> link --> News --cursor--> one stream per browser
           <--calls, a few at a time----------- link <-- Site <--Asked--- server <--accept-- LAN

* :mod:`~failberry.web.lan` says which of our addresses are the LAN's, and who is in it.  Pure, but for one
  question to the kernel.
* :mod:`~failberry.web.news` is what all browsers are told: a ring of thin events and the newest status.
  Pure.  A browser has a place in it, not a queue: a slow one costs nothing and misses nothing.
* :mod:`~failberry.web.sessions`, :mod:`~failberry.web.password`: who may look, who may press.  Pure.
* :mod:`~failberry.web.stories`, :mod:`~failberry.web.series`, :mod:`~failberry.web.metrics`: documents for
  page and Prometheus.  Pure.
* :mod:`~failberry.web.site` answers questions: values in, values out; :mod:`~failberry.web.stream` is one
  browser's stream.
* :mod:`~failberry.web.link` is the daemon's other end, :mod:`~failberry.web.server` the HTTP.

What the design defends
-----------------------
*The uplinks.*  Sockets are bound to addresses of the LAN and to its interface, so the kernel itself gives us
nothing that came by another; each connection's two addresses are judged before its first byte is read.

*Other pages in the browser.*  The Host must be ours (DNS rebinding), a change needs our Origin and a token,
the cookie is HttpOnly and SameSite=Strict, and nothing but our own files is ever loaded.

*The house.*  Whoever takes this process over can press the page's buttons, and nothing else: the daemon
judges (:mod:`failberry.control.buttons`).  No configuration, PIN or key is within its reach.
"""
