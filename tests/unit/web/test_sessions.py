"""Password, sessions, and how often somebody may try."""

import pytest

from failberry.web import password
from failberry.web.sessions import ABSOLUTE, ALL_TRIES, IDLE, MOST, TRIES, TRY_EVERY, Sessions, Throttle


def test_a_password_is_known_by_its_hash_alone() -> None:
    line = password.hashed("four words and more")
    assert "four" not in line
    assert password.matches("four words and more", line + "\n")
    assert not password.matches("four words and less", line)
    assert password.hashed("four words and more") != line, "no salt"


@pytest.mark.parametrize(
    "line", ["", "scrypt", "bcrypt:1:2:3:00:00", "scrypt:x:8:5:00:00", f"scrypt:16384:8:5:zz:{'0' * 128}",
             f"scrypt:1073741824:8:5:00:{'0' * 128}"],
)  # fmt: skip
def test_a_file_that_is_none_is_told_from_a_wrong_password(line: str) -> None:
    with pytest.raises(password.UnreadableError):
        password.matches("x", line)


@pytest.mark.parametrize(
    ("word", "well"), [("seven77", False), ("eight888", True), ("a\nbcdefgh", False), ("x" * 1025, False)]
)
def test_a_new_password_is_looked_at(word: str, *, well: bool) -> None:
    assert (password.fault(word) == "") is well


def test_a_session_ends_when_it_is_idle_and_at_last_anyway() -> None:
    sessions = Sessions()
    token, session = sessions.begin(0.0)
    assert sessions.find(token, IDLE - 1) is session
    assert sessions.find(token, 2 * IDLE - 2) is session
    assert sessions.find(token, 3 * IDLE) is None
    token, _ = sessions.begin(0.0)
    now = 0.0
    while now < ABSOLUTE:
        assert sessions.find(token, now) is not None
        now += IDLE / 2
    assert sessions.find(token, now) is None


def test_a_look_that_the_page_takes_by_itself_does_not_keep_it_alive() -> None:
    sessions = Sessions()
    token, _ = sessions.begin(0.0)
    assert sessions.find(token, IDLE - 1, touch=False) is not None
    assert sessions.find(token, IDLE + 1) is None


def test_sessions_end_by_hand_and_are_few() -> None:
    sessions = Sessions()
    tokens = [sessions.begin(float(each))[0] for each in range(MOST + 1)]
    assert sessions.find(tokens[0], 40.0) is None
    assert sessions.find(tokens[1], 40.0) is not None
    sessions.end(tokens[1])
    assert sessions.find(tokens[1], 41.0) is None
    assert sessions.find("", 41.0) is None
    assert sessions.find("guessed", 41.0) is None


def test_attempts_run_out_and_come_back() -> None:
    throttle = Throttle()
    assert [throttle.wait("a", 0.0) for _ in range(TRIES)] == [0.0] * TRIES
    assert throttle.wait("a", 0.0) == pytest.approx(TRY_EVERY)
    assert throttle.wait("b", 0.0) == 0.0
    assert throttle.wait("a", TRY_EVERY) == 0.0
    assert throttle.wait("a", TRY_EVERY) > 0
    throttle.forgive("a")
    assert throttle.wait("a", TRY_EVERY) == 0.0


def test_many_addresses_together_have_few_attempts_too() -> None:
    throttle = Throttle()
    waits = [throttle.wait(str(each), 0.0) for each in range(600)]
    assert waits[:ALL_TRIES] == [0.0] * ALL_TRIES
    assert all(each > 0 for each in waits[ALL_TRIES:])
