"""What is wrong with this house, where, by which evidence, and what to do about it.

Two halves.  :mod:`failberry.adapters.inspection` looks at everything once and returns one frozen
:class:`~failberry.doctor.evidence.Evidence`; every check in this package is a pure function of that value.
So each fault can be planted in a test by changing one value.  A healthy house gives no finding at all.
"""
