"""The edge: the only modules that touch the world, and the only importers of third-party packages.

An adapter never raises into the engine.  What the world refuses becomes an event.
"""
