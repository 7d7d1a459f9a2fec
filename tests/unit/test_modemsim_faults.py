"""Sessions and faults of the simulated modem: each fault does what it says, and nothing else."""

import pytest

from tests.modemsim import Appear, Faults, Network, PppBytes, SimModem, StopPpp, Vanish, Write
from tests.modemsim.host import Host
from tests.modemsim.modem import HDLC_BREAK
from tests.modemsim.syntax import LCP_REQUEST, hdlc


def quiet(name="zte_mf180", **knobs):
    host = Host(SimModem(name, **knobs))
    host.send("ATE0")
    if name == "zte_mf180":
        host.send("AT+CPMS?")  # ends its flood
    return host


def dial(host):
    heard = host.send("ATD*99#")
    assert host.modem.ports[host.port].mode == "data", heard
    return heard


def connected(name="zte_mf180", **knobs):
    host = quiet(name, **knobs)
    if name != "zte_mf180":
        host.send('AT+CGDCONT=1,"IP",""')
    dial(host)
    host.deeds.clear()
    return host


# --- sessions


def test_data_mode_carries_bytes_both_ways_and_no_unsolicited_lines():
    host = connected("huawei_e3372s")
    assert host.raw(b"~\xff\x03AT\r~") == b""
    assert host.deeds == [PppBytes(port=0, data=b"~\xff\x03AT\r~")]
    assert host.take(host.modem.ppp_output(0, b"~peer~", host.now)) == b"~peer~"
    assert host.wait(30.0) == b""
    assert host.take(host.modem.ppp_ended(0, host.now)) == b"\r\nNO CARRIER\r\n"
    assert b"^RSSI:18" in host.wait(30.0)


def test_plus_plus_plus_needs_its_guard_times():
    host = connected()
    host.wait(2.0)
    host.raw(b"+++AT\r")
    assert host.wait(5.0) == b""
    host.raw(b"x+++")
    assert host.wait(5.0) == b""
    host.raw(b"+")
    host.raw(b"++")
    host.wait(0.5)
    host.raw(b"y")
    assert host.wait(5.0) == b""
    host.raw(b"+++")
    assert host.wait(0.9) == b""
    assert host.wait(0.2) == b"\r\nOK\r\n"
    assert host.send("ATO") == b"\r\nCONNECT 7200000\r\n"
    host.wait(2.0)
    host.raw(b"+++")
    host.wait(2.0)
    host.deeds.clear()
    assert host.send("ATH") == b"\r\nOK\r\n"
    assert host.deeds == [StopPpp(port=2, graceful=False)]


def test_an_hdlc_break_split_anywhere_ends_the_session():
    for cut in range(1, len(HDLC_BREAK)):
        host = connected()
        assert host.raw(b"abc" + HDLC_BREAK[:cut]) == b""
        assert host.raw(HDLC_BREAK[cut:]) == b"\r\nNO CARRIER\r\n"
        assert host.deeds[-1] == StopPpp(port=2, graceful=False)


@pytest.mark.parametrize(("setting", "survives"), [("&D0", True), ("&D2", False)])
def test_a_dtr_drop_does_what_amp_d_says(setting, survives):
    host = quiet()
    host.send(f"AT{setting}")
    dial(host)
    heard = host.take(host.modem.dtr(2, up=False, now=host.now))
    assert (heard == b"") is survives
    assert (host.modem.ports[2].mode == "data") is survives


def test_a_context_is_deactivated_from_the_other_port():
    host = connected()
    outputs = host.modem.receive(1, b"AT+CGACT=0,1\r", host.now)
    assert StopPpp(port=2, graceful=False) in outputs
    assert Write(port=2, data=b"\r\nNO CARRIER\r\n") in outputs
    assert outputs[-1] == Write(port=1, data=b"\r\nOK\r\n")


def test_the_network_hangs_up_gracefully_or_not():
    host = connected()
    assert host.take(host.modem.hang_up(host.now, graceful=True)) == b""
    assert host.deeds == [StopPpp(port=2, graceful=True)]
    assert host.take(host.modem.ppp_ended(2, host.now)) == b"\r\nNO CARRIER\r\n"
    host = connected(faults=Faults(no_carrier_after=7.0))
    assert host.wait(6.9) == b""
    assert host.wait(0.2) == b"\r\nNO CARRIER\r\n"
    dial(host)
    host.modem.hang_up(host.now)
    dial(host)
    assert host.wait(6.9) == b""  # the timer of the call before is void


def test_a_character_while_dialling_aborts_the_call():
    host = quiet(network=Network(connect_after=5.0))
    assert host.raw(b"ATD*99#\r\n") == b""
    host.wait(1.0)
    assert host.raw(b"A") == b"\r\nNO CARRIER\r\n"
    assert host.wait(10.0) == b""
    assert host.modem.counters["connects"] == 0


# --- faults


def test_silence_and_its_end():
    host = quiet(faults=Faults())
    host.modem.change({"silent": True}, host.now)
    seen = len(host.modem.log)
    assert host.send("AT") == b""
    assert len(host.modem.log) == seen
    host.modem.change({"silent": False, "silent_ports": [1]}, host.now)
    assert host.send("AT") == b"\r\nOK\r\n"
    assert host.modem.receive(1, b"AT\r", host.now) == []


def test_a_silent_modem_freezes_its_session():
    host = connected()
    host.modem.change({"silent": True}, host.now)
    assert host.raw(b"ping") == b""
    assert host.deeds == []
    assert host.take(host.modem.ppp_output(2, b"pong", host.now)) == b""


def test_slow_answers_keep_their_order():
    host = quiet()
    host.modem.change({"slow": 2.0}, host.now)
    assert host.send("AT+CSQ") == b""
    assert host.send("AT+CFUN?") == b""
    assert host.wait(1.9) == b""
    assert host.wait(0.2).startswith(b"\r\n+CSQ: 18,99")
    assert host.wait(2.0) == b"\r\n+CFUN: 1\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("faults", "heard"),
    [
        ({"leading_nuls": 2}, b"\0\0\r\n+CSQ: 18,99\r\n\r\nOK\r\n"),
        ({"drop_crlf": "cr"}, b"\n+CSQ: 18,99\r\n\nOK\r\n"),
        ({"drop_crlf": "crlf"}, b"+CSQ: 18,99\r\nOK\r\n"),
        ({"drop_crlf": "lf"}, b"\r\n+CSQ: 18,99\r\r\nOK\r"),
        ({"urc_between": "+ZUSIMR:2"}, b"\r\n+ZUSIMR:2\r\n\r\n+CSQ: 18,99\r\n\r\nOK\r\n"),
        ({"urc_glued": "+CREG: 1"}, b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n+CREG: 1\r\n"),
        ({"refuse": {"+CSQ": 30}}, b"\r\n+CME ERROR: 30\r\n"),
        ({"refuse": {"+CSQ": 30}, "cme_text": True}, b"\r\n+CME ERROR: no network service\r\n"),
        ({"refuse": {"+CSQ": "COMMAND NOT SUPPORT"}}, b"\r\nCOMMAND NOT SUPPORT\r\n"),
        ({"refuse": {"+CSQ": ""}}, b""),
    ],
)  # fmt: skip
def test_what_faults_do_to_an_answer(faults, heard):
    host = quiet()
    host.send("AT+CMEE=1")
    host.modem.change(dict(faults), host.now)
    assert host.send("AT+CSQ") == heard


def test_garbage_comes_before_the_answer_and_again_from_the_same_seed():
    first, second = (quiet(faults=Faults(garbage=64)).send("AT") for _ in range(2))
    assert first == second
    assert len(first) == 64 + len(b"\r\nOK\r\n")
    assert first.endswith(b"\r\nOK\r\n")


def test_echo_that_cannot_be_turned_off():
    host = quiet(faults=Faults(keep_echo=True))
    assert host.send("ATE0") == b"ATE0\r\r\nOK\r\n"
    assert host.send("AT") == b"AT\r\r\nOK\r\n"


@pytest.mark.parametrize(
    "result", ["NO CARRIER", "BUSY", "NO DIALTONE", "NO ANSWER", "DELAYED", "+CME ERROR: 30"]
)
def test_dialling_fails_so_many_times_and_then_works(result):
    host = quiet(faults=Faults(dial_result=result, dial_result_times=2))
    for _ in range(2):
        assert host.send("ATD*99#") == b"\r\n%s\r\n" % result.encode()
    dial(host)


def test_a_dial_that_is_never_answered():
    host = quiet(faults=Faults(dial_result="SILENCE"))
    assert host.send("ATD*99#") + host.wait(300.0) == b""


def test_ppp_bytes_glued_to_connect_are_a_valid_frame():
    host = quiet(faults=Faults(ppp_glued=True))
    assert dial(host) == b"\r\nCONNECT 7200000\r\n" + LCP_REQUEST
    # The check value of CRC-16/X-25, which is the FCS of RFC 1662, over "123456789" is 0x906E.
    assert hdlc(b"123456789") == b"\x7e123456789\x6e\x90\x7e"


WAYS_OUT = {
    "dtr": lambda host: host.take(host.modem.dtr(2, up=False, now=host.now)),
    "plus": lambda host: host.wait(1.5) + host.raw(b"+++") + host.wait(1.5),
    "hdlc": lambda host: host.raw(HDLC_BREAK),
    "power": lambda host: host.take(host.modem.power_cycle(host.now, off_for=1.0)) + host.wait(1.2),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_port_stuck_in_data_mode_has_just_the_ways_out_it_was_given(way):
    host = connected(faults=Faults(stuck_in_data_mode=True, data_mode_exits=() if way == "power" else (way,)))
    assert host.take(host.modem.ppp_ended(2, host.now)) == b""
    for other in WAYS_OUT.keys() - {way, "power"}:
        assert WAYS_OUT[other](host) + host.send("AT") == b""
    WAYS_OUT[way](host)
    assert host.send("AT").endswith(b"\r\nOK\r\n")


def test_a_port_found_in_data_mode():
    host = quiet()
    host.modem.stick(2, host.now)
    assert host.send("AT") == b""
    assert host.raw(HDLC_BREAK) == b"\r\nNO CARRIER\r\n"
    assert host.send("AT") == b"\r\nOK\r\n"


def test_bogus_dns_and_no_peer_address():
    host = quiet(faults=Faults(bogus_dns=True, no_peer_address=True))
    dial(host)
    assert host.deeds[0].dns == ("10.11.12.13", "10.11.12.14")
    assert not host.deeds[0].send_peer_address


def test_the_zte_flood_is_stopped_by_cpms():
    host = Host(SimModem("zte_mf180"))
    assert host.wait(10.0).count(b"\r\n+ZUSIMR:2\r\n") == 5
    host.send("ATE0")
    host.send("AT+CPMS?")
    assert host.wait(10.0) == b""


def test_changes_are_checked_as_a_whole():
    host = quiet()
    with pytest.raises(ValueError, match="no such field: colour"):
        host.modem.change({"silent": True, "colour": 1}, host.now)
    with pytest.raises(ValueError, match="signal"):
        host.modem.change({"silent": True, "signal": "strong"}, host.now)
    for wrong in ({"registration": "far"}, {"technology": "6g"}, {"plmn": "1"}, {"data_mode_exits": "axe"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            host.modem.change({"silent": True, **wrong}, host.now)
    assert not host.modem.faults.silent
    host.modem.change(
        {"pin": 1234, "apns": "a,b", "slow": "1", "silent": "true", "refuse": '{"D": 30}'}, host.now
    )
    assert host.modem.sim.pin == "1234"
    assert host.modem.network.apns == ("a", "b")
    assert host.modem.faults == Faults(slow=1.0, silent=True, refuse={"D": 30})


def test_power_cycles():
    host = connected()
    host.take(host.modem.power_cycle(host.now, off_for=3.0))
    assert host.deeds == [StopPpp(port=2, graceful=False), Vanish()]
    assert host.send("AT") + host.wait(2.9) == b""
    host.wait(0.2)
    assert host.deeds[-1] == Appear()
    assert host.send("AT").startswith(b"AT\r")
    host.deeds.clear()
    assert host.send("ATE0+CFUN=1,1").endswith(b"\r\nOK\r\n")
    assert host.deeds == [Vanish()]
    host.wait(1.1)
    assert host.deeds == [Vanish(), Appear()]
    assert host.modem.counters["boots"] == 3
