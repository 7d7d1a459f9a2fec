"""Documents: no link leads nowhere, no setting or command is named that there is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from failberry.ctl.arguments import COMMANDS
from tests.lab.test_tutorial import HANDS, STEP, TUTORIAL
from tests.linters.tree import ROOT, accuse, judge, tracked

FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(
    r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^()\s>]*(?:\([^()\s]*\)[^()\s>]*)*)>?(?:\s+\"[^\"]*\")?\s*\)"
)
HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
SECTIONS = re.compile(r"^## `\[+(\w+)\]+`", re.MULTILINE)
SETTINGS = re.compile(r"^### `([\w.]+)`", re.MULTILINE)


def prose(path: Path) -> str:
    """The document without what is only shown in it."""
    return CODE.sub(lambda found: "`" * len(found[0]), FENCE.sub("", (ROOT / path).read_text()))


def anchors(path: Path) -> set[str]:
    """What may follow a ``#``, as GitHub makes it of headings; and what HTML names."""
    text = FENCE.sub("", (ROOT / path).read_text())
    found: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(path: Path) -> Iterator[str]:
    for found in LINK.finditer(prose(path)):
        yield found[1]


def fault(path: Path, link: str) -> str:
    """What is wrong with it; empty: nothing."""
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        return "" if HOST.fullmatch(parts.hostname or "") and " " not in link else "no address"
    if parts.scheme:
        return "" if parts.scheme == "mailto" else "of a kind that is not known"
    if parts.path.startswith("/"):
        return "begins at a root that there is not"
    target = (ROOT / path).parent / parts.path if parts.path else ROOT / path
    if not target.exists():
        return "leads nowhere"
    if parts.fragment and target.suffix == ".md":
        inside = target.resolve().relative_to(ROOT)
        return "" if parts.fragment in anchors(inside) else "there is no such heading"
    return ""


def test_each_link_leads_somewhere() -> None:
    documents = tracked("*.md")
    assert len(documents) > 20
    assert sum(len([*links(path)]) for path in documents) > 100
    faults = [
        f"{path}: {link}: {wrong}"
        for path in documents
        for link in links(path)
        if (wrong := fault(path, link))
    ]
    accuse(faults, cure="correct the link, or the heading that it leads to")


def test_the_judge_of_links_knows_bad_ones() -> None:
    here = Path("docs/README.md")
    for bad in (
        "nowhere.md",
        "../README.md#no-such-heading",
        "/etc",
        "https://",
        "ftp://x.org",
        "https://a_b",
    ):
        assert fault(here, bad), bad
    for good in ("../README.md#two-commands", "https://varlink.org", "howto", "mailto:a@example.org"):
        assert fault(here, good) == "", good


def test_each_page_of_the_documentation_is_in_its_index() -> None:
    index = Path("docs/README.md")
    linked = {((ROOT / index).parent / each.partition("#")[0]).resolve() for each in links(index)}
    pages = {path for path in tracked("docs/*.md") if path.parts[1] != "adr" and path != index}
    accuse(
        [f"{path}: not in {index}" for path in sorted(pages) if (ROOT / path).resolve() not in linked],
        cure="add a line where a reader would look for it",
    )


def test_settings_that_are_named_exist() -> None:
    reference = (ROOT / "docs/configuration.md").read_text()
    known, sections = set(SETTINGS.findall(reference)), set(SECTIONS.findall(reference))
    assert len(known) > 50
    faults = []
    for path in tracked("docs/*.md", "README.md"):
        if path.parts[:2] == ("docs", "adr"):
            continue
        text = FENCE.sub("", (ROOT / path).read_text())
        named = {each for each in re.findall(r"`(\w+\.\w+)`", text) if each.partition(".")[0] in sections}
        faults += [f"{path}: {name}" for name in sorted(named - known)]
    accuse(faults, cure="docs/configuration.md has the names of the settings")


def test_commands_that_are_shown_exist() -> None:
    groups = {words.split()[0] for words in COMMANDS}
    alone = {words for words in COMMANDS if " " not in words}
    faults = []
    for path in tracked("docs/*.md", "README.md"):
        shown = re.findall(
            r"(?:`|^ *(?:sudo )?)failberryctl ([a-z-]+)( [a-z][a-z-]*)?",
            (ROOT / path).read_text(),
            re.MULTILINE,
        )
        for first, second in shown:
            if first[0] == "-":
                continue
            if first not in groups or (first not in alone and second and first + second not in COMMANDS):
                faults.append(f"{path}: failberryctl {first}{second}")
    accuse(faults, cure="failberryctl --help has the commands")


def test_the_tutorial_can_be_run(tmp_path: Path) -> None:
    steps = [*STEP.finditer(TUTORIAL.read_text())]
    assert {step["hand"].split()[0] for step in steps if step["hand"]} <= set(HANDS)
    assert TUTORIAL.read_text().count("```sh") == sum(1 for step in steps if step["commands"])
    script = tmp_path / "tutorial.sh"
    script.write_text("".join(step["commands"] or "" for step in steps))
    judge(["bash", "-n", script], cure="docs/tutorial.md: each block is run as it stands")
    judge(["shellcheck", "--shell=bash", script], cure="docs/tutorial.md: quote, or write it otherwise")
