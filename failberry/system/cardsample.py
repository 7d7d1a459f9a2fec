"""The sample that lies on the card as ``failberry.toml.sample``: all settings, those that people need first.

``python3 -m failberry.system.cardsample`` prints it; it is kept in ``image/root`` and tested to be fresh.
On the card its lines end as Windows' do, for that is where most people edit it: image/card.py sees to it.
"""

from __future__ import annotations

import sys

from failberry.configtext import sample
from failberry.system.firstboot_judge import ONBOARD

PATH = "image/root/usr/share/failberry-image/failberry.toml.sample"
_HEAD = """\
# Failberry: what you can say. Copy this file to failberry.toml, and edit the copy.
#
# A line that begins with # is a comment, and a setting behind # shows its default: take the # away
# to set it. Most people need the name of the access point (apn), perhaps a PIN, their SSH key and
# their time zone. Delete what you do not need.
#
# Eject the card properly, and start the Pi with it. Two minutes later VERDICT.txt on the card says
# whether all of it was good, or what is wrong at which line; then nothing was changed.
"""
_FIRST = ("mode", "[wired]", "[cellular]", "[system]", "#[lan]")


def card_sample() -> str:
    """The text."""
    _, _, body = sample().partition("\n\n")
    chapters = body.rstrip("\n").split("\n\n\n")
    chapters.sort(key=_rank)  # stable: the others stay in their order
    text = _HEAD + "\n" + "\n\n\n".join(chapters) + "\n"
    return text.replace('interface = "eth0"', f'interface = "{ONBOARD}"')


def _rank(chapter: str) -> int:
    lines = {line.partition(" = ")[0] for line in chapter.splitlines()}
    return next((rank for rank, name in enumerate(_FIRST) if name in lines), len(_FIRST))


if __name__ == "__main__":
    sys.stdout.write(card_sample())
