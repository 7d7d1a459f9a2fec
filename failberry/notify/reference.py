"""The tables of ``docs/howto/notifications.md``, from the code: ``python3 -m failberry.notify.reference``.

Without an argument the page itself is written anew; it must be in ``docs/howto`` below the current folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from failberry.notify.messages import TOPIC_WORDS, Topic
from failberry.notify.render import ENVIRONMENT

PAGE = Path("docs/howto/notifications.md")


def topics() -> str:
    """What messages are about."""
    rows = [f"| `{each}` | {words} |" for each, words in TOPIC_WORDS.items() if each is not Topic.TEST]
    return "\n".join(["| topic | when |", "|---|---|", *rows])


def environment() -> str:
    """What hooks are told."""
    rows = [f"| `FAILBERRY_{name}` | {words} |" for name, words in ENVIRONMENT.items()]
    return "\n".join(["| variable | what it is |", "|---|---|", *rows])


TABLES = {"topics": topics, "environment": environment}


def fresh(page: str) -> str:
    """The page with its tables as they should be."""
    for name, table in TABLES.items():
        head = rf"(?<=<!-- {name}: python3 -m failberry\.notify\.reference {name} -->\n).*?(?=<!-- end -->)"
        text = f"{table()}\n\n"
        page = re.sub(head, text.replace("\\", "\\\\"), page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    if len(sys.argv) == 1:
        PAGE.write_text(fresh(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    elif sys.argv[1] in TABLES:
        sys.stdout.write(f"{TABLES[sys.argv[1]]()}\n")
    else:
        sys.exit(f"usage: python3 -m failberry.notify.reference [{'|'.join(TABLES)}]")
