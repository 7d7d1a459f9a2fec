"""The house's name in Route 53: one name, and behind it whichever line is alive.

* :mod:`.desired` is what the owner wants, made of the configuration by :mod:`.wish`; :mod:`.records` is what
  Route 53 says there is.
* :mod:`.checks` says what is wrong with either before Route 53 is asked to change anything.
* :mod:`.register` remembers, in tags of the health checks, what is ours and what stood there before.
* :mod:`.plan` compares, and answers with an ordered list of changes (:mod:`.changes`), :mod:`.words`
  prints it like a diff, :mod:`.costs` says what it costs.
* :mod:`.wire` speaks the API's documents.  All of these are pure.
* :mod:`.errand` is what a short-lived child does for a request (:mod:`.messages`).  Pure, too.
* :mod:`.route53` asks the API by :mod:`failberry.aws.session`; only a short-lived child imports it.

The failover itself never needs an API call of ours: Route 53 asks the lines, and answers by what it hears.
"""
