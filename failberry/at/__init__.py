"""Speaking to modems: bytes in, frozen values out.  Pure, like :mod:`failberry.core`.

* :mod:`failberry.at.codec` cuts the byte stream of one AT port into lines and tells what each one is.
* :mod:`failberry.at.commands` is every command Failberry sends, with its clause, deadline and parser.
* :mod:`failberry.at.parse` turns answer lines into frozen values, or into a named parse error.
* :mod:`failberry.at.results` says what an error means and what to do about it.
* :mod:`failberry.at.quirks` is what makers do differently, as data.

Nothing here raises on what a modem sent.  ``ValueError`` means that a configured value cannot be sent.
"""
