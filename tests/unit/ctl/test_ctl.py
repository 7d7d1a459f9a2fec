"""The whole program against a real socket: what it prints where, and its exit status."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import failberry
from failberry import __version__
from failberry.control import client
from failberry.control.document import encode
from failberry.control.framing import encode as frame
from failberry.core.snapshot import SNAPSHOT_VERSION, Snapshot
from failberry.ctl import CONFIG, CONFIG_FILE, EXIT_CODES, commands, status
from failberry.ctl.__main__ import main
from failberry.errors import ConfigError, Problem
from tests.unit.control.simulated import SimulatedAppliance, daemon
from tests.unit.ctl.painting import painted
from tests.unit.ctl.scenarios import ALL, ALL_WELL

ROOT = Path(failberry.__file__).parents[1]
GOOD = 'mode = "standby-gateway"\n[wired]\ninterface = "eth0"\n'
BAD = 'mode = "standby-gatway"\n[wired]\ninterface = "eth0"\n'
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control"


@pytest.fixture
def appliance(place: Path) -> Iterator[SimulatedAppliance]:
    simulated = SimulatedAppliance()
    with daemon(place, simulated):
        yield simulated


def run(place: Path, *words: str) -> int:
    return main(["--socket", str(place), *words])


@pytest.mark.parametrize("situation", ALL.values(), ids=ALL)
def test_status_in_words_and_as_exit_code(
    place: Path, appliance: SimulatedAppliance, situation: Snapshot, capsys: Captured
) -> None:
    appliance.snapshot = situation
    code, text = painted(situation)
    assert run(place, "status") == code
    printed = capsys.readouterr()
    by_the_clock = re.compile(r"since .*?(\d\d:\d\d) ")
    flat = [
        " ".join(by_the_clock.sub("since ", each.replace("→", "->")).split()) for each in (printed.out, text)
    ]
    # The locale of the test run chooses bars and arrows; their words are checked elsewhere.
    assert re.sub("[^a-z]", "", flat[0]) == re.sub("[^a-z]", "", flat[1])
    assert printed.err == ""


def test_status_as_json(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert main(["status", "--json", "--socket", str(place)]) == 0
    assert json.loads(capsys.readouterr().out) == encode(appliance.snapshot)


def test_status_says_why_there_is_none(place: Path, capsys: Captured) -> None:
    assert run(place, "status") == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    # Piped, a path that is longer than a line is cut like any word; nothing is lost of it.
    assert f"there is no socket {place}".replace(" ", "") in re.sub(r"\s", "", printed.err)


def answering(place: Path, answer: bytes) -> threading.Thread:
    """Something on the socket that gives everybody this answer, once."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    listener.settimeout(10)

    def serve() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 400 Bad Request\0", "not JSON"),
        (b'{"parameters":', "closed the connection"),
    ],
)
def test_something_else_on_the_socket(place: Path, answer: bytes, said: str, capsys: Captured) -> None:
    thread = answering(place, answer)
    assert run(place, "status") == 3
    assert said in " ".join(capsys.readouterr().err.split())  # wherever the lines are broken
    thread.join()


def test_a_daemon_that_does_not_answer(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(client, "ANSWER_TIME", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        assert run(place, "status") == 3
    assert "It may be stuck" in " ".join(capsys.readouterr().err.split())


def test_a_daemon_of_another_time(place: Path, capsys: Captured) -> None:
    later = {"version": SNAPSHOT_VERSION + 1, "failberry": "9.0"}
    thread = answering(place, frame({"parameters": {"status": later}}))
    assert run(place, "status") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "failberryd 9.0 writes version 2" in printed.err
    thread.join()
    assert status.DOCUMENT_VERSION == SNAPSHOT_VERSION


def test_a_daemon_that_lacks_the_method(place: Path, capsys: Captured) -> None:
    thread = answering(place, frame({"error": "org.varlink.service.MethodNotFound", "parameters": {}}))
    assert run(place, "status") == 1
    assert capsys.readouterr().err == "failberryd refused: org.varlink.service.MethodNotFound\n"
    thread.join()


@pytest.mark.parametrize(
    ("words", "deed", "said"),
    [
        (["reload"], "reload", "in force"),
        (["redial"], "redial", "status --watch"),
        (["modem", "forget-pin"], "forget_pin", "only once"),
    ],
)
def test_requests(
    place: Path, appliance: SimulatedAppliance, words: list[str], deed: str, said: str, capsys: Captured
) -> None:
    assert run(place, *words) == 0
    assert said in capsys.readouterr().out
    assert appliance.asked == [deed]


def test_what_waits_for_the_next_start_is_told(
    place: Path, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    appliance.pending = ("system.hostname", "lan.dhcp")
    assert run(place, "reload") == 0
    assert capsys.readouterr().out == (
        "The configuration was read again and is in force. What has changed of system.hostname, lan.dhcp "
        "takes effect when the Pi starts again: `sudo reboot`.\n"
    )


def test_requests_of_others_than_root(place: Path, capsys: Captured) -> None:
    simulated = SimulatedAppliance()
    with daemon(place, simulated, trusted=frozenset()):
        assert run(place, "modem", "forget-pin") == 1
    assert "sudo failberryctl modem forget-pin" in capsys.readouterr().err
    assert simulated.asked == []


def test_what_the_disk_refused_is_told(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    appliance.disk = OSError("database or disk is full")
    assert run(place, "modem", "forget-pin") == 1
    assert "could not do it: database or disk is full" in capsys.readouterr().err


def test_a_bad_configuration_is_refused_with_its_problems(
    place: Path, appliance: SimulatedAppliance, capsys: Captured
) -> None:
    problem = Problem(key="mode", line=1, problem="is unknown", hint='write "standby-gateway"')
    appliance.faults = ConfigError(CONFIG_FILE, (problem,))
    assert run(place, "reload") == CONFIG
    said = capsys.readouterr().err
    assert said.startswith(f"{CONFIG_FILE} cannot be used: 1 problem.\n\n  line 1, mode: is unknown\n")
    assert "keeps the configuration that it had" in said


def test_config_check_needs_no_daemon(place: Path, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "failberry.toml"
    file.write_text(GOOD)
    file.chmod(0o640)
    assert run(place, "config", "check", str(file)) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{file} is good: standby-gateway mode, wired line on eth0.\n"
    assert printed.err == ""


def test_config_check_lists_what_is_wrong(place: Path, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "failberry.toml"
    file.write_text(BAD)
    assert run(place, "--config", str(file), "config", "check") == CONFIG
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "line 1, mode:" in printed.err


def test_config_check_warns(place: Path, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "failberry.toml"
    file.write_text(GOOD + '[cellular]\npin = "1234"\n')
    file.chmod(0o644)
    assert run(place, "config", "check", str(file)) == 0
    assert capsys.readouterr().err.startswith("warning: ")


def test_config_show_asks_the_daemon(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    appliance.toml, appliance.warnings = "# in force\n", ("the file is open to everybody",)
    assert run(place, "config", "show") == 0
    assert capsys.readouterr() == ("# in force\n", "warning: the file is open to everybody\n")


def test_config_show_of_a_file_hides_secrets(place: Path, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "failberry.toml"
    file.write_text(GOOD + '[cellular]\npin = "8642"\n')
    assert run(place, "config", "show", "--config", str(file)) == 0
    shown = capsys.readouterr().out
    assert 'interface = "eth0"' in shown
    assert "8642" not in shown


def test_config_show_without_daemon_reads_the_file(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    file = tmp_path / "failberry.toml"
    file.write_text(GOOD)
    monkeypatch.setattr(commands, "CONFIG_FILE", str(file))
    assert run(place, "config", "show") == 0
    printed = capsys.readouterr()
    assert 'mode = "standby-gateway"' in printed.out
    assert printed.err.startswith(f"failberryd is not running; this is what {file} says:")


def test_version(place: Path, appliance: SimulatedAppliance, capsys: Captured) -> None:
    assert run(place, "version") == 0
    assert capsys.readouterr().out == f"failberryctl {__version__}\nfailberryd {__version__}\n"


def test_version_of_a_daemon_that_is_older_or_not_there(place: Path, capsys: Captured) -> None:
    assert run(place, "version") == 0
    assert capsys.readouterr().out == f"failberryctl {__version__}\nfailberryd is not running\n"
    thread = answering(place, frame({"parameters": {"failberry": "0.0.9", "document": 1}}))
    assert run(place, "version") == 0
    assert "failberryd 0.0.9\nThey differ" in capsys.readouterr().out
    thread.join()


@pytest.mark.parametrize("words", [[], ["stats"], ["modem"], ["config", "chek"], ["status", "--jsom"]])
def test_wrong_command_lines(words: list[str], capsys: Captured) -> None:
    assert main(words) == 64
    assert "usage: failberryctl" in capsys.readouterr().err


def test_help_tells_the_exit_codes(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    for code, meaning in EXIT_CODES.items():
        assert re.search(rf"^  {code} +{re.escape(meaning)}$", told, re.MULTILINE)
    assert max(map(len, told.splitlines())) <= 80


def test_the_page_tells_every_command_option_and_exit_code() -> None:
    page = (ROOT / "docs/failberryctl.md").read_text()
    from failberry.ctl.arguments import COMMANDS

    for words in COMMANDS:
        assert f"`failberryctl {words}" in page, words
    for option in ("--json", "--watch", "--socket PATH", "--config PATH"):
        assert option in page
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in page


def test_status_starts_light(place: Path, appliance: SimulatedAppliance) -> None:
    code = (
        "import sys; from failberry.ctl.__main__ import main; main(sys.argv[1:]); "
        "print(*sys.modules, file=sys.stderr)"
    )
    words = [sys.executable, "-c", code, "--socket", str(place), "status"]
    loaded = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stderr.split()
    assert "failberry.ctl.screen" in loaded
    heavy = {
        "asyncio",
        "dataclasses",
        "inspect",
        "typing",
        "pathlib",
        "shutil",
        "failberry.errors",
        "failberry.core",
    }
    assert not heavy & set(loaded)


def test_a_reader_that_has_seen_enough_is_no_failure(place: Path, appliance: SimulatedAppliance) -> None:
    words = f"{sys.executable} -m failberry.ctl --socket {place} status | head -n 1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[0] == painted(ALL_WELL)[1].splitlines()[0]
    assert ended.stderr == ""


def test_colour_is_as_wished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("CLICOLOR_FORCE", "0")
    with daemon(tmp_path / "control", SimulatedAppliance()):
        for wish, coloured in (("auto", False), ("always", True), ("never", False)):
            main(["--socket", str(tmp_path / "control"), "--color", wish, "status"])
            assert ("\x1b[" in capsys.readouterr().out) is coloured
