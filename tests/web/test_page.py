"""The page in a real browser, against the real daemon, in a house whose line dies."""

import json
import os
from pathlib import Path

import pytest
from city import MOBILE, ROUTER, WIRED
from home import PASSWORD, PORT

pytestmark = pytest.mark.netns

IMAGES = Path(__file__).parents[2] / "docs" / "images"
AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
READY = """document.querySelector('#live').dataset.state === 'on' && document.querySelector('#charts svg')
    && document.querySelector('#past details')"""
SAYS = "document.querySelector('#sentence').textContent"
SCREENS = ((360, False), (768, False), (1280, False), (1280, True))


@pytest.fixture
def page(house, chromium):
    """The page, open and logged in; nothing complained of at its end."""
    house.city.heal()
    house.city.await_status(lambda told: told["active"] == "wired" and told["wired"]["state"] == "up")
    chromium.screen(1280)
    chromium.open(house.url)
    chromium.until("document.querySelector('#house').textContent")
    if chromium.run("!document.querySelector('#login').hidden"):
        chromium.type("#password", PASSWORD)
        chromium.click("#login-form button")
    chromium.until(READY)
    yield chromium
    assert chromium.complaints == []


def test_a_dead_line_is_on_the_page_within_two_seconds(house, page):
    page.until(f"{SAYS} === 'Traffic goes over the wired line'")
    page.run("window.same = true")
    house.city.black_hole()
    house.city.await_status(lambda told: told["active"] == "cellular", seconds=10)
    took = page.until(f"{SAYS} === 'Traffic goes over the mobile line'", seconds=2)
    print(f"on the page after {took * 1000:.0f} ms")
    page.until("document.querySelector('#wired .pill').className === 'pill down'")
    page.until("document.querySelector('#past summary').textContent.includes('Failover to the mobile line')")
    house.city.heal()
    page.until(f"{SAYS} === 'Traffic goes over the wired line'")
    assert page.run("window.same"), "the page was loaded anew"


def test_the_line_is_forced_from_the_page_for_a_time(house, page):
    page.run("document.querySelector('#for').value = '900'")
    page.click("[data-force=cellular]")
    page.until(f"{SAYS} === 'Traffic goes over the mobile line'")
    told = house.city.status()["forced"]
    assert told["line"] == "cellular"
    assert 800 < told["left"] <= 900
    page.until("document.querySelector('#nexts').textContent.includes('Chosen by hand')")
    page.until("!document.querySelector('#auto').disabled")
    page.click("#auto")
    page.until(f"{SAYS} === 'Traffic goes over the wired line'")
    assert house.city.status()["forced"] is None


def test_a_power_cut_that_cannot_be_is_explained(page):
    page.click("#cycle")
    page.until("document.querySelector('#steered').textContent.startsWith('Not possible')")


def test_the_daemon_goes_away_and_comes_back(house, page):
    house.city.switch_off()
    page.until("!document.querySelector('#banner').hidden")
    house.city.switch_on()
    page.until("document.querySelector('#banner').hidden", seconds=40)
    house.city.steady()


@pytest.mark.parametrize("span", ["hour", "month"])
def test_charts_of_each_span_have_their_table(page, span):
    page.click(f"[data-span={span}]")
    page.run("document.querySelector('#numbers').open = true")
    page.until(f"document.querySelector('#charts svg').getAttribute('aria-label').includes('last {span}')")
    rows = page.run("document.querySelectorAll('#numbers tbody tr').length")
    assert rows > 30


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_axe_finds_nothing_and_nothing_is_cut_off(page, width, dark):
    page.screen(width, dark=dark)
    page.until(
        f"innerWidth === {width} && document.querySelector('#charts svg').viewBox.baseVal.width < {width}"
    )
    page.run("window.axe || 0") or page.run(AXE.read_text() + "; 0")
    found = page.run(
        "axe.run(document, {resultTypes: ['violations']}).then((told) => JSON.stringify(told.violations.map("
        "(each) => [each.impact, each.id, each.nodes.map((node) => node.html)])))"
    )
    assert json.loads(found) == []
    assert page.run("document.documentElement.scrollWidth") <= width
    if os.environ.get("FAILBERRY_PICTURES"):
        IMAGES.mkdir(exist_ok=True)
        name = f"dashboard-{width}{'-dark' if dark else ''}.png"
        page.click("#only")
        (IMAGES / name).write_bytes(page.picture())
        page.click("#only")


def press(page, key, code, number):
    for kind in ("rawKeyDown", "char", "keyUp") if key == "Enter" else ("rawKeyDown", "keyUp"):
        page.send(
            "Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number,
            text="\r" if kind == "char" else "",
        )  # fmt: skip


def test_the_past_can_be_turned_back_by_keyboard_to_its_beginning(page):
    stories = "document.querySelectorAll('#past > li:not(.day)').length"
    assert page.run(stories) == 60
    page.run("document.querySelector('#older').focus()")
    pages = 1
    while not page.run("document.querySelector('#older').hidden"):
        before = page.run(stories)
        pages += 1
        press(page, "Enter", "Enter", 13)
        page.until(f"{stories} > {before}")
        if pages == 2:
            assert page.run("document.activeElement.id") == "older"
            assert page.run("document.querySelector('#oldest').textContent") == "60 older."
    assert pages > 3
    assert page.run(stories) > 400
    assert page.run("document.activeElement.id") == "oldest"
    assert page.run("document.querySelector('#oldest').textContent") == "That is all that is kept."
    # What happens now comes on top, and what was turned back to stays.
    whole = page.run(stories)
    page.click("[data-force=wired]")
    page.until(f"{stories} > {whole}")
    page.until("!document.querySelector('#auto').disabled")
    page.click("#auto")
    page.until("document.querySelector('#auto').disabled")
    # Of failovers only there are few, and none is farther back.
    page.click("#only")
    page.until(f"{stories} < 20")
    page.click("#only")


def test_a_finger_finds_what_it_wants_to_press(page):
    page.screen(360)
    page.send("Emulation.setTouchEmulationEnabled", enabled=True)
    page.until("matchMedia('(pointer: coarse)').matches")
    small = page.run("""[...document.querySelectorAll('button, select, summary, label.check')]
        .filter((each) => each.checkVisibility() && !each.closest('dialog'))
        .map((each) => [each.textContent.trim().slice(0, 20), each.getBoundingClientRect().height])
        .filter(([, height]) => height < 44)""")
    page.send("Emulation.setTouchEmulationEnabled", enabled=False)
    assert small == []


def test_the_keyboard_reaches_what_the_mouse_does(page):
    page.run("document.body.focus()")
    seen = set()
    for _ in range(40):
        press(page, "Tab", "Tab", 9)
        seen.add(page.run("document.activeElement.id || document.activeElement.dataset.force || ''"))
    assert {"door", "wired", "cellular", "for", "redial", "cycle", "only"} <= seen


def test_a_wrong_password_is_refused_and_then_slowed_down(house):
    def attempt(word):
        return house.ask(
            "/api/login", body={"password": word}, Origin=house.url, Content_Type="application/json"
        )[0]

    answers = [attempt(f"wrong {number}") for number in range(6)]
    assert answers[:5] == [403] * 5
    assert answers[5] == 429


def test_nothing_is_read_or_changed_without_a_login(house):
    ours = {"Origin": house.url, "Content_Type": "application/json"}
    for path in (
        "/api/status",
        "/api/stories",
        "/api/samples?span=day",
        "/api/stream",
        "/metrics",
        "/api/power-plan",
    ):
        assert house.ask(path)[0] == 401, path
    for path in ("/api/force", "/api/auto", "/api/redial", "/api/power-cycle", "/api/logout"):
        assert house.ask(path, body={}, **ours)[0] == 401, path
    assert house.city.status()["forced"] is None


def test_another_page_cannot_press_a_button(house, page):
    cookies = page.send("Network.getCookies", urls=[house.url])["cookies"]
    (cookie,) = cookies
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    token = page.run("fetch('/api/session').then((answer) => answer.json()).then((told) => told.csrf)")
    mine = {"Cookie": f"{cookie['name']}={cookie['value']}", "Content_Type": "application/json"}
    body = {"line": "cellular", "seconds": 900}

    def press(**more):
        return house.ask("/api/force", body=body, **mine, **more)[0]

    assert press(Origin=house.url) == 403
    assert press(Origin=house.url, **{"X-Failberry-Token": "guessed"}) == 403
    assert press(Origin="http://evil.example", X_Failberry_Token=token) == 403
    assert press(X_Failberry_Token=token) == 403
    assert press(Origin=house.url, X_Failberry_Token=token, Sec_Fetch_Site="cross-site") == 403
    assert house.city.status()["forced"] is None
    assert press(Origin=house.url, X_Failberry_Token=token) == 200
    house.city.await_status(lambda told: told["forced"] is not None)
    assert house.ask("/api/auto", body={}, **mine, Origin=house.url, X_Failberry_Token=token)[0] == 200
    house.city.await_status(lambda told: told["forced"] is None)


def test_a_host_name_of_a_stranger_is_refused(house):
    assert house.ask("/", Host=f"rebound.example:{PORT}")[0] == 421
    for name in ("attic", "attic.local", ROUTER):
        assert house.ask("/", Host=f"{name}:{PORT}")[0] == 200


def test_the_uplinks_get_nothing(house):
    assert house.ask("/")[0] == 200
    city = house.city
    for where, to in ((city.gw, WIRED), (city.inet, WIRED), (city.inet, MOBILE)):
        assert house.ask("/", to=to, where=where)[0] == 0


def test_logging_out_ends_the_session(house, chromium):
    chromium.open(house.url)
    chromium.until(READY)
    (cookie,) = chromium.send("Network.getCookies", urls=[house.url])["cookies"]
    chromium.click("#door")
    chromium.until("!document.querySelector('#login').hidden")
    assert house.ask("/api/status", Cookie=f"{cookie['name']}={cookie['value']}")[0] == 401
