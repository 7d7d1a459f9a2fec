"""The support bundle: what somebody who helps must see, and nothing that he must not.

:mod:`failberry.adapters.sources` collects texts; the one redactor (:mod:`.redact`) goes over all of them
at once, so that what one source gives away is hunted in every other; :mod:`.bundle` packs what is left.  All
in here is pure.  Nothing is sent anywhere.
"""
