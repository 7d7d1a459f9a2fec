"""The Pi's key: made, kept, carried to another Pi, rotated, retired; at AWS and in its file."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ddns.keys import parse_keys

from failberry.aws.keyfile import KeyFile
from failberry.aws.keys import KeyPlan, plan_keys, read_secret
from failberry.errors import AdapterError

ONE, TWO, FRESH = "1" * 64, "2" * 64, "f" * 64
HOST = "mobile.example.com"


def planned(found: dict[str, Any] | None, local: str | None, *, rotate: bool = False) -> KeyPlan:
    text = None if found is None else json.dumps({"version": 1, "keys": found})
    return plan_keys(
        name="pi", hosts=[HOST], found=text, local=local, fresh=FRESH, rotate=rotate, place="/the/file"
    )


def key(*secrets: str, **more: object) -> dict[str, Any]:
    return {"pi": {"secrets": list(secrets), "hosts": {HOST: None}, **more}}


def written(plan: KeyPlan) -> dict[str, Any]:
    assert plan.document is not None
    # The function itself must understand it.
    parse_keys(plan.document)
    keys: dict[str, Any] = json.loads(plan.document)["keys"]
    return keys


def test_nothing_is_there() -> None:
    plan = planned(None, None)
    assert (written(plan), plan.secret) == (key(FRESH), FRESH)
    assert plan.words == (f"+ key pi, which may change {HOST}", "+ /the/file")


def test_all_is_as_it_should_be() -> None:
    assert planned(key(ONE), ONE) == KeyPlan()


@pytest.mark.parametrize("secrets", [(ONE,), (ONE, TWO)])
def test_a_pi_that_lost_its_file_gets_the_newest_key_again(secrets: tuple[str, ...]) -> None:
    assert planned(key(*secrets), None).secret == ONE


def test_a_key_of_the_pis_own_is_made_known_beside_the_one_in_use() -> None:
    plan = planned(key(ONE), TWO)
    assert (written(plan), plan.secret) == (key(TWO, ONE), None)


def test_rotation_in_two_steps_and_never_without_a_valid_key() -> None:
    first = planned(key(ONE), ONE, rotate=True)
    assert (written(first), first.secret) == (key(FRESH, ONE), FRESH)
    second = planned(written(first), FRESH)
    assert (written(second), second.secret, second.words) == (key(FRESH), None, ("- key pi: the old secret",))
    assert planned(written(second), FRESH) == KeyPlan()


def test_a_rotation_that_broke_off_before_the_file_goes_on_with_the_old_key() -> None:
    assert written(planned(key(FRESH, ONE), ONE)) == key(ONE)


def test_of_a_rotation_upon_a_rotation_the_key_in_the_file_stays() -> None:
    plan = planned(key(TWO, ONE), ONE, rotate=True)
    assert written(plan) == key(FRESH, ONE)


def test_keys_of_others_and_what_is_not_ours_stay() -> None:
    there = key(ONE, passwords=["a" * 64]) | {"router": {"secrets": [TWO], "hosts": {}}}
    assert written(planned(there, ONE, rotate=True)) == there | key(FRESH, ONE, passwords=["a" * 64])


def test_other_names() -> None:
    there = {"pi": {"secrets": [ONE], "hosts": {"old.example.com": None}}}
    plan = planned(there, ONE)
    assert (written(plan), plan.words) == (key(ONE), (f"~ key pi: may change {HOST}",))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2, "keys": {}}', '{"version": 1, "keys": {"pi": 3}}']
)
def test_a_parameter_of_somebody_else_is_left_alone(text: str) -> None:
    with pytest.raises(AdapterError, match=r"dns\.stack"):
        plan_keys(name="pi", hosts=[HOST], found=text, local=None, fresh=FRESH, rotate=False, place="/f")


def test_no_secret_is_in_what_is_shown() -> None:
    for plan in (planned(None, None), planned(key(ONE), TWO), planned(key(ONE), ONE, rotate=True)):
        shown = f"{plan!r} {' '.join(plan.words)}"
        assert not any(each in shown for each in (ONE, TWO, FRESH))
        assert set(plan.secrets) >= ({plan.secret} if plan.secret else set())
    assert planned(key(ONE), TWO).secrets == (TWO, ONE)


def test_the_file_is_for_root_alone_and_never_half_written(tmp_path: Path) -> None:
    path = tmp_path / "ddns.key"
    file = KeyFile(str(path))
    assert file.read() is None
    file.write(ONE)
    path.chmod(0o644)
    file.write(TWO)
    assert (file.read(), stat.S_IMODE(path.stat().st_mode)) == (TWO, 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["ddns.key"]
    assert (file.remove(), file.remove()) == (True, False)


def test_a_file_that_cannot_be_written_is_said_with_a_cure(tmp_path: Path) -> None:
    file = KeyFile(str(tmp_path / "no folder" / "ddns.key"))
    for attempt in (lambda: file.write(ONE), file.see_that_it_can_be_written):
        with pytest.raises(AdapterError, match=r"; (look at the path|use sudo)"):
            attempt()


@pytest.mark.parametrize("text", ["", "secret", ONE[:-1], ONE + "1", "g" * 64])
def test_what_is_no_key_is_said(text: str) -> None:
    with pytest.raises(AdapterError, match="holds no key"):
        read_secret(text, place="/the/file")
    assert read_secret(f" {ONE.upper()}\n", place="/the/file") == ONE
