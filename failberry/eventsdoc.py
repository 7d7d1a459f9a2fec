"""The reference of events: ``python -m failberry.eventsdoc`` prints what ``docs/events.md`` holds."""

# ruff: noqa: E501 -- lines of a page, not of code

from __future__ import annotations

import sys

from failberry.adapters.history import ALLOWANCE, ALLOWANCE_EVERY, BATCH_EVERY, RECENT, SOON
from failberry.adapters.historyfile import DETAILS_KEPT, EVENTS_KEPT, HISTORY_FILE, KEPT, MOST
from failberry.core.chronicle import AFTERMATH
from failberry.core.kinds import SPECS
from failberry.units import duration

_DAY = 86_400.0

_HEAD = f"""# Events

<!-- Generated: python3 -m failberry.eventsdoc -->

What happens is written down: each verdict on a line, each change of lines, each state of the modem, each step of
recovery, each deed with what was answered. `failberryctl events` tells it as stories
([failberryctl](failberryctl.md#what-has-happened)); programs read it on the socket, or in the journal.

## An event

| field | what it is |
|---|---|
| `id` | counts up for ever; some are left out after a daemon that was killed |
| `time`, `synced` | seconds since 1970, and whether the clock could be believed; where it could not, it is corrected as soon as it can |
| `monotonic`, `boot` | seconds on the kernel's clock (CLOCK_MONOTONIC) of that boot (`/proc/sys/kernel/random/boot_id`) |
| `kind` | one of those below |
| `subject` | whom it is about |
| `what` | what happened, or from what to what |
| `why` | the cause, in words |
| `next` | what follows, in words; empty: nothing |
| `severity` | `info`, `notice`, `warning` or `error` |
| `correlation` | the id of the event that began the story which this one belongs to |
| `numbers` | by name, as told with each kind |

**A story** is what belongs together, and has one correlation:

* *a failover*: from the first doubt of the wired line until that is up and in use again, with every verdict, the
  routes, the connections that were moved, and the names (also for {duration(AFTERMATH)} after it);
* *a climb*: from the first failure of the mobile line until a session has lasted, with every step of recovery and
  every deed; a dial that a failover asked for belongs to that failover;
* *a request of the owner*, with all that follows from it.

Words (`what`, `why`, `next`) may change with any version; `kind`, `subject`, `severity` and the names of the numbers
only with a note in the changelog.

## Kinds
"""

_TAIL = f"""## In the journal

What the daemon says of itself in the journal has the same id and correlation, in fields:

| field | what it is |
|---|---|
| `MESSAGE_ID` | of the kind, as above |
| `FAILBERRY_EVENT`, `FAILBERRY_CORRELATION` | `id` and `correlation` |
| `FAILBERRY_KIND`, `FAILBERRY_SUBJECT`, `FAILBERRY_WHAT`, `FAILBERRY_WHY`, `FAILBERRY_NEXT` | as above |
| `FAILBERRY_NUMBERS` | `numbers`, as JSON |

```sh
journalctl -t failberry FAILBERRY_CORRELATION=4711
journalctl -t failberry MESSAGE_ID={next(iter(SPECS.values())).message_id}
```

Deeds, and a few others that no line was written of so far, are in the history only.

## On the socket

`io.failberry.Appliance.Events` answers once, or with `more` catches up and follows; `io.failberry.Appliance.Samples`
gives what charts are made of. Their JSON: [schema/events.json](schema/events.json),
[schema/samples.json](schema/samples.json).

```sh
varlinkctl call unix:/run/failberry/control io.failberry.Appliance.Events '{{"limit": 20, "severity": "notice"}}'
varlinkctl call --more unix:/run/failberry/control io.failberry.Appliance.Events '{{"after": 4711}}'
varlinkctl call unix:/run/failberry/control io.failberry.Appliance.Samples '{{"line": "wired", "since": 1800000000}}'
```

To read on after a pause, ask for what comes `after` the `last` of the answer before. Where `history` is another name
than before, ids have begun anew. A reader that takes nothing for five seconds is cut off, and can read on like that.

## On the disk

`{HISTORY_FILE}`, at most {MOST >> 20} MiB and a log of 4 MiB beside it. Events are kept for
{EVENTS_KEPT / _DAY:.0f} days, those of severity `info` for {DETAILS_KEPT / _DAY:.0f}; samples of a minute for
{KEPT[60] / _DAY:.0f} days, of five minutes for {KEPT[300] / _DAY:.0f}, of an hour for {KEPT[3600] / _DAY:.0f}. Where
that is too much for the file, the oldest details go first.

For the sake of the SD card it is written every {duration(BATCH_EVERY)}, and {SOON:.0f} s after anything of severity
`notice` or worse: so {ALLOWANCE} times at once, and once more every {duration(ALLOWANCE_EVERY)}. A power cut loses
what was not written yet, nothing else. Who reads gets the last {RECENT} events from memory.

A damaged file is set aside (`.damaged`), and a new one begun. It may be deleted while the daemon is stopped; what must
not be lost is in another.
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    for kind, spec in SPECS.items():
        lines += [f"### `{kind}`", "", spec.words, ""]
        lines += [f"* subject: {spec.subjects}", f"* for example: {spec.example}"]
        lines += [f"* `{name}`: {meaning}" for name, meaning in spec.numbers.items()]
        lines += [f"* `MESSAGE_ID={spec.message_id}`", ""]
    return "\n".join([*lines, _TAIL])


if __name__ == "__main__":
    sys.stdout.write(page())
