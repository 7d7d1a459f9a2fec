"""The dashboard as it is installed: its unit's sandbox, its user, the password as a credential, its buttons.

What the page looks like, and that it is live, is shown by a real browser in tests/web.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from .lab import Lab
from .product import MOBILE, Product

HOST = "192.168.88.1:8080"
PAGE = f"http://{HOST}"
PASSWORD = "a long word for the house"  # noqa: S105 -- a test's
JAR = "/run/jar"


class House:
    """Somebody in the house with a browser."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.vm, self.product = lab, lab.vm, Product(lab)
        self.product.up(more="\n[web]\n")
        said = self.vm.run(["failberryctl", "web", "password"], stdin=f"{PASSWORD}\n".encode(), timeout=120)
        assert "is set" in said.stdout
        self.vm.wait_until("systemctl is-active --quiet failberry-web.service", deadline=120)

    def ask(self, path: str, *options: str, place: str = "lan1") -> tuple[int, Any]:
        """The answer's status and what it says."""
        words = ["curl", "--silent", "--max-time", "30", "--write-out", "\n%{http_code}", *options]
        *body, status = self.lab.on(place, [*words, f"{PAGE}{path}"], timeout=60).stdout.splitlines()
        return int(status), json.loads("\n".join(body) or "null")

    def send(self, path: str, wish: dict[str, Any], *options: str) -> tuple[int, Any]:
        headers = ("--header", f"Origin: {PAGE}", "--header", "Content-Type: application/json")
        return self.ask(path, *headers, "--data", json.dumps(wish), *options)

    def log_in(self) -> tuple[str, ...]:
        """What a change has to bring along."""
        status, told = self.send("/api/login", {"password": PASSWORD}, "--cookie-jar", JAR)
        assert status == 200, told
        return ("--cookie", JAR, "--header", f"X-Failberry-Token: {told['csrf']}")


@pytest.fixture
def house(dual_lab: Lab) -> House:
    return House(dual_lab)


def test_its_buttons_work_for_whoever_knows_the_password_in_the_house(house: House) -> None:
    assert house.ask("/api/status")[0] == 401
    assert house.send("/api/login", {"password": "another"})[0] == 403
    mine = house.log_in()
    status, told = house.ask("/api/status", *mine)
    assert (status, told["status"]["active"]) == (200, "wired")
    assert house.send("/api/force", {"line": "cellular", "seconds": 600})[0] == 401
    house.product.await_status(
        lambda now: now["cellular"]["state"] == "up", deadline=120, what="the mobile line"
    )
    assert house.send("/api/force", {"line": "cellular", "seconds": 600}, *mine)[0] == 200
    house.product.await_status(lambda now: now["active"] == "cellular", deadline=30, what="what was pressed")
    assert house.send("/api/auto", {}, *mine)[0] == 200
    house.product.await_status(lambda now: now["active"] == "wired", deadline=120, what="the way back")
    # Root's own methods are not for the page's user.
    refused = house.vm.run(
        ["runuser", "-u", "failberry-web", "-g", "failberry", "--", "failberryctl", "reload"], check=False
    )
    assert refused.rc != 0
    assert "Only root" in refused.stdout + refused.stderr


def test_nobody_on_the_uplinks_is_answered(house: House) -> None:
    for address in ("198.51.100.130", MOBILE):
        answer = house.lab.on(
            "internet",
            ["curl", "--silent", "--max-time", "5", "--write-out", "%{http_code}", f"http://{address}:8080/"],
            timeout=30, check=False,
        )  # fmt: skip
        assert answer.stdout.strip() == "000"
    assert house.ask("/api/session")[0] == 200, "somebody in the house is"


def test_it_costs_nothing_where_nobody_wants_it(dual_lab: Lab) -> None:
    Product(dual_lab).up()
    dual_lab.vm.run(["systemctl", "start", "failberry-web"], timeout=60, check=False)
    assert dual_lab.vm.run("systemctl is-active failberry-web", check=False).stdout.strip() == "inactive"
