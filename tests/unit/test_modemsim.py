"""The simulated modem must itself be right: other tests take its word for what was sent and answered."""

import itertools

import pytest

from tests.modemsim import PROFILES, Network, Role, Sim, SimModem, StartPpp
from tests.modemsim.host import Host


def quiet(name="generic_3gpp", **knobs):
    host = Host(SimModem(name, **knobs))
    host.send("ATE0")
    return host


# --- dialogues


def test_a_whole_zte_dialogue_text_by_text():
    host = Host(SimModem("zte_mf180", sim=Sim(pin_enabled=True)))
    assert host.send("ATZ") == b"ATZ\r\r\nOK\r\n"
    assert host.send("ATE0V1") == b"ATE0V1\r\r\nOK\r\n"
    assert host.send("AT+CPMS?") == b"\r\nERROR\r\n"  # refused until the PIN was entered
    assert host.send("AT+CMEE=1") == b"\r\nOK\r\n"
    assert host.send("AT+CPMS?") == b"\r\n+CME ERROR: 11\r\n"
    assert host.send("AT+CPIN?") == b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"
    assert host.send("AT+ICCID") == b"\r\nICCID: 8944501712345678901\r\n\r\nOK\r\n"
    assert host.send("AT+ZPINPUK=?") == b"\r\n+ZPINPUK: 3,10\r\n\r\nOK\r\n"
    assert host.send("AT+CREG?") == b"\r\n+CREG: 0,0\r\n\r\nOK\r\n"
    assert host.send('AT+CPIN="1234"') == (
        b'\r\nOK\r\n\r\n+ZDONR: "Test PLMN 1-1",1,1,"CS_PS","ROAM_OFF"\r\n\r\n+ZPASR: "HSDPA"\r\n'
    )
    assert host.send("AT+CREG?;+CGREG?") == b"\r\n+CREG: 0,1\r\n\r\n+CGREG: 0,1\r\n\r\nOK\r\n"
    assert host.send("AT+ZPAS?") == b'\r\n+ZPAS: "HSDPA","CS_PS"\r\n\r\nOK\r\n'
    assert host.send("AT+COPS?;+CSQ") == b'\r\n+COPS: 0,0,"Test PLMN 1-1",4\r\n\r\n+CSQ: 18,99\r\n\r\nOK\r\n'
    assert host.send("AT+CEREG?") == b"\r\nERROR\r\n"
    assert host.send('AT+CGDCONT=1,"IP","direct"') == b"\r\nOK\r\n"
    assert host.send("AT+CGDCONT?") == b'\r\n+CGDCONT: 1,"IP","direct","",0,0\r\n\r\nOK\r\n'
    assert host.send("ATD*99#") == b"\r\nCONNECT 7200000\r\n"
    assert host.deeds == [
        StartPpp(
            port=2, apn="direct", pdp_type="IP", dial="*99#", address="100.64.7.2", peer="100.64.7.1",
            dns=("192.0.2.53", "192.0.2.54"), ipv6=False, send_peer_address=True, ppp_options=(),
        )
    ]  # fmt: skip
    assert host.modem.log[-1].line == "ATD*99#"
    assert host.modem.counters["dials"] == host.modem.counters["connects"] == 1


def test_a_whole_huawei_dialogue_text_by_text():
    host = quiet("huawei_e3372s", sim=Sim(pin_enabled=True), network=Network(registration="roaming"))
    assert host.send("AT^CURC=0") == b"\r\nOK\r\n"
    assert host.send("AT^CPIN?") == b"\r\n^CPIN: SIM PIN,3,10,3,10,3\r\n\r\nOK\r\n"
    assert host.send("AT+CPIN=1234").endswith(b"\r\n^MODE:6,101\r\n")
    assert host.send("AT^CPIN?") == b"\r\n^CPIN: READY,,10,3,10,3\r\n\r\nOK\r\n"
    assert host.send("AT^SYSINFOEX") == b'\r\n^SYSINFOEX:2,3,1,1,,6,"LTE",101,"LTE"\r\n\r\nOK\r\n'
    assert host.send("AT^HCSQ?") == b'\r\n^HCSQ:"LTE",44,49,151,20\r\n\r\nOK\r\n'
    assert host.send("AT+CEREG?") == b"\r\n+CEREG: 0,5\r\n\r\nOK\r\n"
    assert host.send('AT+CGDCONT=1,"IP","direct"') == b"\r\nOK\r\n"
    assert host.send("ATD*99***1#") == b"\r\nCONNECT 150000000\r\n"


def test_a_whole_generic_dialogue_text_by_text():
    host = quiet(sim=Sim(pin_enabled=True))
    assert host.send("AT+CMEE=2;+CPINR") == (
        b"\r\n+CPINR: SIM PIN,3,3\r\n+CPINR: SIM PUK,10,10\r\n\r\nOK\r\n"
    )
    assert host.send("AT+CPIN=0000") == b"\r\n+CME ERROR: incorrect password\r\n"
    assert host.send("AT+CPIN=1234") == b"\r\nOK\r\n"
    assert host.send("AT+CESQ") == b"\r\n+CESQ: 99,99,255,255,20,49\r\n\r\nOK\r\n"
    assert host.send("AT+CEREG=2;+CEREG?") == b'\r\n+CEREG: 2,1,"00A1","0001C2D3",7\r\n\r\nOK\r\n'
    assert host.send("AT+CCID") == b"\r\n+CCID: 8944501712345678901\r\n\r\nOK\r\n"
    assert host.send('AT+CGDCONT=1,"IPV4V6","a;b"') == b"\r\nOK\r\n"
    assert host.send("ATD*99***1#") == b"\r\nCONNECT\r\n"


def test_the_classic_init_string_is_one_line_of_many_commands():
    host = quiet()
    assert host.send("ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0") == b"\r\nOK\r\n"
    assert host.send("AT") == b"AT\r\r\nOK\r\n"


def test_the_port_roles():
    mute = Host(SimModem("zte_mf180"), port=0)
    assert mute.send("AT") == b""
    status = Host(SimModem("zte_mf180"), port=1)
    assert status.send("AT") == b"AT\r\r\nOK\r\n"
    assert status.send("ATD*99#") == b"ATD*99#\r\r\nERROR\r\n"
    assert [profile.roles.count(Role.MODEM) for profile in PROFILES.values()] == [1, 1, 1]


def test_a_line_may_come_in_any_pieces():
    whole, pieces = quiet(), quiet()
    line = b'AT+CGDCONT=1,"IP","direct";+CSQ\r'
    heard = b"".join(pieces.raw(line[i : i + 1]) for i in range(len(line)))
    assert heard == whole.raw(line)


def test_a_line_without_end_is_bounded():
    host = quiet()
    for _ in range(100):
        host.raw(b"x" * 10_000)
    assert len(host.modem.ports[host.port].line) <= 2048
    host.raw(b"\r")
    assert host.send("AT") == b"\r\nOK\r\n"


# --- SIM


def test_wrong_pins_lead_to_the_puk_and_power_does_not_give_tries_back():
    host = quiet(sim=Sim(pin_enabled=True))
    host.send("AT+CMEE=1")
    assert host.send("AT+CPIN=1111") == b"\r\n+CME ERROR: 16\r\n"
    host.take(host.modem.power_off(host.now))
    host.take(host.modem.power_on(host.now))
    host.send("ATE0+CMEE=1")
    assert host.send("AT+CPIN=1111") == b"\r\n+CME ERROR: 16\r\n"
    assert host.send("AT+CPIN=1111") == b"\r\n+CME ERROR: 12\r\n"
    assert host.send("AT+CPIN?") == b"\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n"
    assert host.send("AT+CPIN=1234") == b"\r\n+CME ERROR: 12\r\n"
    assert host.modem.counters["pin_attempts"] == 4
    assert host.send("AT+CPIN=00000000,4321") == b"\r\n+CME ERROR: 16\r\n"
    assert host.send("AT+CPIN=12345678,4321") == b"\r\nOK\r\n"
    assert host.send("AT+CPIN?") == b"\r\n+CPIN: READY\r\n\r\nOK\r\n"
    host.modem.change({"refuse": {"+CPIN": 14}}, host.now)
    assert host.send("AT+CPIN=1234") == b"\r\n+CME ERROR: 14\r\n"
    assert host.modem.counters["pin_attempts"] == 5  # what was refused was sent all the same
    assert host.modem.counters["puk_attempts"] == 2
    assert [entry.line for entry in host.modem.log if "CPIN=" in entry.line][-2] == "AT+CPIN=12345678,4321"


def test_a_right_pin_gives_the_tries_back_and_a_power_cut_locks_again():
    host = quiet(sim=Sim(pin_enabled=True, pin_tries=2))
    assert host.send("AT+CPIN=1234") == b"\r\nOK\r\n"
    assert host.modem.sim.pin_tries == 3
    host.take(host.modem.power_off(host.now))
    host.take(host.modem.power_on(host.now))
    assert b"SIM PIN" in host.send("AT+CPIN?")
    assert host.send("AT").startswith(b"AT\r")  # echo is on again


def test_ten_wrong_puks_kill_the_sim():
    host = quiet(sim=Sim(pin_tries=0))
    host.send("AT+CMEE=1")
    answers = [host.send("AT+CPIN=00000000,1234") for _ in range(10)]
    assert answers == [b"\r\n+CME ERROR: 16\r\n"] * 9 + [b"\r\n+CME ERROR: 13\r\n"]
    assert host.send("AT+CPIN?") == b"\r\n+CME ERROR: 13\r\n"


def test_sim_absent_and_sim_busy():
    host = quiet(sim=Sim(sim_busy=3.0), network=Network(search_for=2.0))
    host.send("AT+CMEE=1")
    assert host.send("AT+CPIN?") == b"\r\n+CME ERROR: 14\r\n"
    host.wait(3.5)
    assert host.send("AT+CPIN?;+CREG?") == b"\r\n+CPIN: READY\r\n\r\n+CREG: 0,2\r\n\r\nOK\r\n"
    host.wait(2.0)
    assert host.send("AT+CREG?") == b"\r\n+CREG: 0,1\r\n\r\nOK\r\n"
    host.take(host.modem.change({"sim_present": False}, host.now))
    assert host.send("AT+CPIN?") == b"\r\n+CME ERROR: 10\r\n"


def test_tries_contexts_and_counters_outlive_the_simulator():
    first = quiet(sim=Sim(pin_enabled=True))
    first.send("AT+CPIN=1111")
    first.send('AT+CGDCONT=2,"IP","direct"')
    second = SimModem("generic_3gpp", sim=Sim(pin_enabled=True))
    second.restore(first.modem.nonvolatile())
    assert second.sim.pin_tries == 2
    assert second.contexts == {2: ("IP", "direct")}
    assert second.counters["pin_attempts"] == 1
    with pytest.raises(ValueError, match="not a modem's state"):
        second.restore({"sim": 1})


# --- network


@pytest.mark.parametrize(
    ("registration", "stat"),
    [("home", 1), ("roaming", 5), ("denied", 3), ("searching", 2), ("emergency", 8)],
)
def test_registration_states(registration, stat):
    host = quiet(network=Network(registration=registration))
    assert host.send("AT+CREG?") == b"\r\n+CREG: 0,%d\r\n\r\nOK\r\n" % stat


def test_registration_changes_are_announced_to_who_asked():
    host = quiet(network=Network(search_for=5.0, lost_after=10.0))
    host.send("AT+CREG=1;+CGREG=2")
    assert host.wait(5.0) == b'\r\n+CREG: 1\r\n\r\n+CGREG: 1,"00A1","0001C2D3",7\r\n'
    assert host.wait(10.0) == b"\r\n+CREG: 2\r\n\r\n+CGREG: 2\r\n"
    host.take(host.modem.change({"lost_after": 0, "packet_service": False}, host.now))
    assert host.send("AT+CREG?;+CGREG?").startswith(b"\r\n+CREG: 1,1\r\n\r\n+CGREG: 2,2\r\n")


def test_the_radio_off_is_no_registration_and_on_is_a_new_search():
    host = quiet(network=Network(search_for=2.0))
    host.wait(3.0)
    assert host.send("AT+CFUN=4;+CREG?;+CSQ") == b"\r\n+CREG: 0,0\r\n\r\n+CSQ: 99,99\r\n\r\nOK\r\n"
    assert host.send("AT+CFUN=1;+CREG?") == b"\r\n+CREG: 0,2\r\n\r\nOK\r\n"
    host.wait(2.0)
    assert host.send("AT+CREG?") == b"\r\n+CREG: 0,1\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("knobs", "context", "answer", "cause"),
    [
        ({"apns": ("direct",)}, '1,"IP","internet"', b"\r\nNO CARRIER\r\n", "Missing or unknown APN"),
        ({"apns": ("a",), "refusal": "cme"}, '1,"IP"', b"\r\n+CME ERROR: 127\r\n", "Missing or unknown APN"),
        ({"pdp_types": ("IPV6",)}, '1,"IP",""', b"\r\nNO CARRIER\r\n", "Unknown PDP address or PDP type"),
        ({"registration": "denied"}, '1,"IP",""', b"\r\nNO CARRIER\r\n", "No network service"),
        ({}, '2,"IP",""', b"\r\nNO CARRIER\r\n", "Unknown PDP context"),
    ],
)  # fmt: skip
def test_a_refused_context_says_why_in_ceer(knobs, context, answer, cause):
    host = quiet(network=Network(**knobs))
    host.send(f"AT+CMEE=1;+CGDCONT={context}")
    assert host.send("ATD*99#") == answer
    assert host.send("AT+CEER") == b"\r\n+CEER: %s\r\n\r\nOK\r\n" % cause.encode()
    assert host.deeds == []


def test_an_apn_is_accepted_in_any_letter_case():
    host = quiet(network=Network(apns=("direct",)))
    host.send('AT+CGDCONT=1,"IP","Direct"')
    assert host.send("ATD*99#") == b"\r\nCONNECT\r\n"


def test_every_fact_fits_every_technology_and_registration():
    for name, registration, technology in itertools.product(
        PROFILES, ("home", "denied"), ("gsm", "edge", "umts", "hspa", "lte")
    ):
        host = quiet(name, network=Network(registration=registration, technology=technology))
        for key in host.modem.profile.answers:
            assert host.send(f"AT{key}").endswith(b"\r\nOK\r\n"), key
