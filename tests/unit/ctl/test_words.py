"""Times, sentences, letters and colours."""

import io
from collections.abc import Mapping

import pytest

from failberry.ctl.style import Style, bar_count, clean
from failberry.ctl.words import config_problems, count, sentence, unreachable
from failberry.errors import ConfigError, Problem


def test_small_grammar() -> None:
    assert [count(n, "thing", "things") for n in (0, 1, 2)] == ["0 things", "1 thing", "2 things"]
    assert [sentence(each) for each in ("", "a b", "USB")] == ["", "A b", "USB"]


@pytest.mark.parametrize(
    ("percent", "bars", "ascii_bars"),
    [
        (0, "····", "----"),
        (1, "▂···", "#---"),
        (25, "▂···", "#---"),
        (68, "▂▄▆·", "###-"),
        (100, "▂▄▆█", "####"),
    ],
)
def test_bars(percent: int, bars: str, ascii_bars: str) -> None:
    assert Style().bars(percent) == bars
    assert Style(utf8=False).bars(percent) == ascii_bars


def test_bars_of_nonsense_stay_in_their_frame() -> None:
    assert (bar_count(-5), bar_count(1000)) == (0, 4)


class Terminal(io.StringIO):
    """A stream that says it is a terminal, on a file descriptor that is none."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("environment", "utf8", "colour"),
    [
        ({"LANG": "en_GB.UTF-8", "TERM": "xterm"}, True, True),
        ({"LANG": "de_DE.utf8@euro", "TERM": "xterm"}, True, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"LANG": "en_GB.UTF-8", "TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "dumb"}, True, False),
        ({"LANG": "en_GB.UTF-8", "TERM": "linux"}, False, True),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "C", "TERM": "xterm"}, False, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8", "TERM": "xterm"}, False, True),
        ({"LANG": "en_GB.ISO-8859-1", "TERM": "xterm"}, False, True),
        ({}, False, False),
    ],
)
def test_what_a_terminal_can_show(
    environment: Mapping[str, str], *, utf8: bool, colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.get_terminal_size", lambda _: __import__("os").terminal_size((61, 24)))
    style = Style.of(Terminal(), environment)
    assert (style.utf8, style.colour, style.width) == (utf8, colour, 61)


def test_a_pipe_gets_eighty_columns_and_no_colour() -> None:
    style = Style.of(io.StringIO(), {"LANG": "en_GB.UTF-8", "TERM": "xterm"})
    assert (style.utf8, style.colour, style.width) == (True, False, 80)


def test_paint() -> None:
    assert Style(colour=True).paint("x", "bad") == "\x1b[1;31mx\x1b[0m"
    assert Style().paint("x", "bad") == "x"


def test_a_command_is_never_broken() -> None:
    lines = Style(width=40).wrap("Correct it; if you are sure, run `failberryctl modem forget-pin`.")
    assert lines == ["Correct it; if you are sure, run", "`failberryctl modem forget-pin`."]


def test_what_is_no_text_is_defused() -> None:
    assert clean("Evil\x1b[2J\x9bm\u202e Telecom\n") == "Evil?[2J?m? Telecom?"
    assert clean("Телеком ✓") == "Телеком ✓"


CONFIG_ERROR = ConfigError(
    "/etc/failberry/failberry.toml",
    (
        Problem(key="mode", line=1, problem='"x" is not one of its choices', hint='choose "standby-gateway"'),
        Problem(key="wired.interface", line=None, problem="is missing", hint='add interface = "eth0"'),
        Problem(key="", line=7, problem="column 3: a quote is not closed", hint=""),
        Problem(key="", line=None, problem="is \x1b[31m no file", hint="look"),
    ),
)


def test_everything_wrong_with_a_configuration_is_listed_with_its_cure() -> None:
    assert config_problems(CONFIG_ERROR, style=Style()) == (
        """\
/etc/failberry/failberry.toml cannot be used: 4 problems.

  line 1, mode: "x" is not one of its choices
  → choose "standby-gateway"

  wired.interface: is missing
  → add interface = "eth0"

  line 7: column 3: a quote is not closed

  is ?[31m no file
  → look"""
    )


def test_the_journal_gets_it_in_plain_letters() -> None:
    plain = config_problems(CONFIG_ERROR)
    assert plain.isascii()
    assert '  -> choose "standby-gateway"' in plain


PLACE = "/run/failberry/control"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            FileNotFoundError(),
            """\
failberryd is not running: there is no socket /run/failberry/control.
  → Start it: `sudo systemctl start failberry`
  → See why it stopped: `journalctl -u failberry -n 30`
What it set up last stays in place, so traffic may well still flow.""",
        ),
        (
            ConnectionRefusedError(),
            """\
failberryd is not running: nobody listens on /run/failberry/control.
  → Start it: `sudo systemctl start failberry`
  → See why it stopped: `journalctl -u failberry -n 30`
What it set up last stays in place, so traffic may well still flow.""",
        ),
        (
            PermissionError(),
            """\
You may not ask failberryd: /run/failberry/control is for root and the group
failberry.
  → Join the group, then log in again: `sudo usermod -aG failberry $USER`
  → Or ask as root: put `sudo` in front.""",
        ),
        (
            TimeoutError("no answer within 10 s"),
            """\
failberryd does not answer on /run/failberry/control: no answer within 10 s. It
may be stuck.
  → See what it does: `journalctl -u failberry -n 30`
  → Start it anew: `sudo systemctl restart failberry`
What it set up last stays in place, so traffic may well still flow.""",
        ),
        (
            ConnectionResetError("the daemon closed the connection"),
            """\
failberryd could not be asked on /run/failberry/control: the daemon closed the
connection.
  → It may be stopping just now, or have too many callers: try again.
  → Look at `journalctl -u failberry -n 30`
What it set up last stays in place, so traffic may well still flow.""",
        ),
    ],
)
def test_why_the_daemon_could_not_be_asked(error: Exception, text: str) -> None:
    assert unreachable(PLACE, error, style=Style()) == text
