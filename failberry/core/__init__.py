"""The pure core: events in, actions out, time as an argument.

Nothing here sees a clock, a socket, a file or a task (``tests/linters`` enforces it), so weeks of
faults can be simulated in seconds and a failing seed replays exactly.
"""
