"""Situations of the appliance as whole snapshots, in the words that the core really uses."""

from dataclasses import replace

from failberry.config import Mode
from failberry.core.causes import Fault
from failberry.core.modem_state import ModemState
from failberry.core.snapshot import (
    KernelState,
    KernelView,
    LineState,
    LineView,
    ModemView,
    Notice,
    Reachability,
    RecoveryView,
    Role,
    SignalView,
    Snapshot,
    StepView,
    SupplyView,
    UplinkName,
)
from failberry.core.steps import Rung
from failberry.core.supply import ADVICE as SUPPLY_ADVICE

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

WIRED = LineView(
    role=Role.PRIMARY,
    state=LineState.UP,
    state_for=3 * DAY + 4 * HOUR,
    reason="eth0 has link, address and gateway",
    interface="eth0",
    addresses=("192.168.1.50/24",),
    gateway="192.168.1.1",
    dns=(),
    reachability=Reachability.PRIVATE,
    reachability_text="private address: reachable from outside only through a port forward of the router",
)
CELLULAR = LineView(
    role=Role.BACKUP,
    state=LineState.UP,
    state_for=2 * HOUR + 10 * MINUTE,
    reason="PPP session up on ppp-cellular",
    interface="ppp-cellular",
    addresses=("198.51.100.23",),
    gateway=None,
    dns=("203.0.113.1", "203.0.113.2"),
    reachability=Reachability.PUBLIC,
    reachability_text="public address: reachable from outside, unless the carrier filters",
)
NO_CELLULAR = replace(
    CELLULAR,
    state=LineState.DOWN,
    addresses=(),
    dns=(),
    reachability=Reachability.NONE,
    reachability_text="no address",
)
MODEM = ModemView(
    state=ModemState.CONNECTED,
    state_for=2 * HOUR + 10 * MINUTE,
    reason="the network granted 198.51.100.23",
    advice="",
    next="watch the session",
    next_in=None,
    usb_path="1-1.3",
    product="ZTE,Incorporated MF180",
    dial_tty="/dev/ttyUSB2",
    status_tty="/dev/ttyUSB1",
    chosen_by="table",
    sim="4821",
    pin_tries=3,
    signal=SignalView(
        operator="Example Mobile", technology="HSPA", registration="home", dbm=-71, percent=68, age=12.0
    ),
    dials=3,
    sessions=3,
    failures=0,
    fault=None,
)
NO_SIGNAL = SignalView()
ROUTES = KernelView(state=KernelState.OK, problem=None)
FIREWALL = KernelView(state=KernelState.OK, problem=None, backend="nftables")

NO_RECOVERY = RecoveryView(rung=None, next=None, next_in=None, held_back="", switches_power=None, steps=())
GOOD_SUPPLY = SupplyView(
    good=True, reason="", under_voltage=False, under_voltage_before=False, over_current=0, disconnects=0
)

ALL_WELL = Snapshot(
    failberry="0.1.0",
    mode=Mode.STANDBY_GATEWAY,
    running_for=3 * DAY + 4 * HOUR,
    active=UplinkName.CELLULAR,
    active_for=2 * HOUR + 10 * MINUTE,
    active_reason="preferred in standby-gateway mode, and PPP session up on ppp-cellular",
    wired=WIRED,
    cellular=CELLULAR,
    modem=MODEM,
    recovery=NO_RECOVERY,
    supply=GOOD_SUPPLY,
    routes=ROUTES,
    firewall=FIREWALL,
    warnings=(),
)

ROUTER_ALL_WELL = replace(
    ALL_WELL,
    mode=Mode.DUAL_WAN_ROUTER,
    active=UplinkName.WIRED,
    active_for=3 * DAY + 4 * HOUR,
    active_reason="preferred in dual-wan-router mode, and wan0 has link, address and gateway",
    wired=replace(
        WIRED,
        reason="wan0 has link, address and gateway",
        interface="wan0",
        addresses=("203.0.113.77/24", "2001:db8:77::2/64"),
        gateway="203.0.113.254",
        reachability=Reachability.PUBLIC,
        reachability_text="public address: reachable from outside, unless filtered on the way",
    ),
)


def mobile_down(why: str, cure: str, *, down_for: float, modem: ModemView) -> Snapshot:
    """Standby-gateway, on the wired line because the mobile one is down."""
    return replace(
        ALL_WELL,
        active=UplinkName.WIRED,
        active_for=down_for,
        active_reason=f"cellular is not usable: {why}",
        cellular=replace(NO_CELLULAR, reason=why, state_for=down_for),
        modem=modem,
        warnings=(Notice(code="cellular-down", text=f"the mobile line is down: {why}", cure=cure),),
    )


HANDLED = "nothing to do: it is being handled"

DIALLING = mobile_down(
    "modem connecting: the network may be used: home",
    HANDLED,
    down_for=21.0,
    modem=replace(
        MODEM,
        state=ModemState.CONNECTING,
        state_for=4.0,
        reason="the network may be used: home",
        next="dial, then negotiate PPP",
    ),
)

WAITING = mobile_down(
    'modem unknown: the network ended the dial with "NO CARRIER" (Requested service option not subscribed)',
    "Check cellular.apn, user and password against what your carrier publishes.",
    down_for=26 * MINUTE,
    modem=replace(
        MODEM,
        state=ModemState.UNKNOWN,
        state_for=95.0,
        reason='the network ended the dial with "NO CARRIER" (Requested service option not subscribed)',
        advice="Check cellular.apn, user and password against what your carrier publishes.",
        next="dial again",
        next_in=505.0,
        failures=4,
        dials=7,
        fault=Fault.REFUSED,
    ),
)

PIN_WHY = "the SIM refused the configured PIN (incorrect password); it is not tried again"
PIN_CURE = "Correct cellular.pin, or switch the PIN off in a telephone."
PIN_REFUSED = mobile_down(
    f"modem failed: {PIN_WHY}",
    PIN_CURE,
    down_for=3 * MINUTE,
    modem=replace(
        MODEM,
        state=ModemState.FAILED,
        state_for=170.0,
        reason=PIN_WHY,
        advice=PIN_CURE,
        next="",
        pin_tries=2,
        signal=NO_SIGNAL,
        sessions=0,
        dials=0,
        failures=1,
        fault=Fault.SIM,
    ),
)

SIM_WHY = "the modem refused while asking for the SIM: SIM not inserted"
SIM_CURE = "Put a SIM card into the modem, or reseat the one that is in it."
SIM_ABSENT = mobile_down(
    f"modem failed: {SIM_WHY}",
    SIM_CURE,
    down_for=40.0,
    modem=replace(
        PIN_REFUSED.modem, state_for=38.0, reason=SIM_WHY, advice=SIM_CURE, sim=None, pin_tries=None
    ),
)

MISSING = "no USB modem found; plug it in, or see whether it got power"
NO_MODEM = mobile_down(
    MISSING,
    HANDLED,
    down_for=12 * MINUTE,
    modem=replace(
        MODEM,
        state=ModemState.UNKNOWN,
        state_for=12 * MINUTE,
        reason=MISSING,
        next="look for the modem on the USB bus",
        next_in=7.5,
        usb_path=None,
        product=None,
        dial_tty=None,
        status_tty=None,
        chosen_by=None,
        sim=None,
        pin_tries=None,
        signal=NO_SIGNAL,
        dials=0,
        sessions=0,
        fault=Fault.ABSENT,
    ),
)

BLOCKED = "registered on a foreign network, and roaming is forbidden"
ROAMING = mobile_down(
    BLOCKED,
    'Wait for the home network, or set cellular.roaming = "allow" if the cost is accepted.',
    down_for=5 * MINUTE,
    modem=replace(
        MODEM,
        state=ModemState.REGISTERED,
        state_for=5 * MINUTE,
        reason=BLOCKED,
        next="see whether this network may be used",
        signal=SignalView(
            operator="Foreign Telecom", technology="LTE", registration="roaming", dbm=-95, percent=29, age=3.0
        ),
    ),
)

CGNAT = replace(
    ALL_WELL,
    cellular=replace(
        CELLULAR,
        addresses=("100.72.3.9",),
        reachability=Reachability.CGNAT,
        reachability_text="shared address (CGNAT): not reachable from outside; "
        "ask the carrier for a public APN",
    ),
    warnings=(
        Notice(
            code="forwards-unreachable",
            text="port forwards are configured, but the mobile address cannot be reached from outside",
            cure="ask the carrier for a public address; often that is another APN",
        ),
    ),
)

BACKEND_REFUSED = replace(
    ALL_WELL,
    firewall=replace(
        FIREWALL, refused=("iptables: the rule with `--comment` was lost when it was read back (Debian 13)",)
    ),
)

FIREWALL_FAILED = replace(
    ALL_WELL,
    firewall=KernelView(
        state=KernelState.FAILED, problem="nft: table inet failberry: Device or resource busy"
    ),
    warnings=(
        Notice(
            code="firewall-failed",
            text="the kernel did not take our firewall: nft: table inet failberry: Device or resource busy",
            cure="what stood before still stands; look at `journalctl -u failberry`",
        ),
    ),
)

NO_LINE = replace(
    NO_MODEM,
    active=None,
    active_for=48.0,
    active_reason=f"cellular: {MISSING}; wired: no cable or no link on eth0",
    wired=replace(
        WIRED,
        state=LineState.DOWN,
        state_for=48.0,
        reason="no cable or no link on eth0",
        addresses=(),
        gateway=None,
        reachability=Reachability.NONE,
        reachability_text="no address",
    ),
    warnings=(
        *NO_MODEM.warnings,
        Notice(
            code="wired-down",
            text="the wired line is down: no cable or no link on eth0",
            cure="look at cable, router and provider",
        ),
    ),
)

STARTING = replace(
    NO_LINE,
    modem=replace(NO_MODEM.modem, fault=None),
    running_for=0.4,
    active_for=0.4,
    active_reason="just started",
    wired=replace(NO_LINE.wired, state_for=0.4, reason="not looked at yet"),
    cellular=replace(NO_LINE.cellular, state_for=0.4, reason="not looked at yet"),
    routes=KernelView(state=KernelState.PENDING, problem=None),
    firewall=KernelView(state=KernelState.PENDING, problem=None),
    warnings=(),
)

HUNG_WHY = "the modem does not answer"
HUNG = replace(
    mobile_down(
        f"modem unknown: {HUNG_WHY}",
        HANDLED,
        down_for=9 * MINUTE,
        modem=replace(
            MODEM,
            state=ModemState.UNKNOWN,
            state_for=20.0,
            reason=HUNG_WHY,
            next="look for the modem on the USB bus",
            next_in=95.2,
            signal=NO_SIGNAL,
            failures=3,
            fault=Fault.HUNG,
        ),
    ),
    recovery=RecoveryView(
        rung=None,
        next=Rung.POWER_CYCLE,
        next_in=95.2,
        held_back="",
        switches_power=None,
        steps=(
            StepView(
                rung=Rung.USB_RESET,
                cause="hung",
                why="three dials ended in silence",
                result="configured anew, and silent as before",
                age=80.0,
            ),
            StepView(rung=Rung.MODEM_REBOOT, cause="hung", why=HUNG_WHY, result="no answer", age=190.0),
            StepView(rung=Rung.RADIO, cause="hung", why=HUNG_WHY, result="no answer", age=7 * MINUTE),
            StepView(rung=Rung.HANG_UP, cause="hung", why=HUNG_WHY, result="no answer", age=8 * MINUTE),
            StepView(rung=Rung.REDIAL, cause="no_data", why="nothing passes", result="", age=26 * HOUR),
        ),
    ),
)
"""Three gentle steps did not help, and the power cycle comes next."""

POWERLESS = replace(
    HUNG,
    recovery=replace(
        HUNG.recovery,
        rung=Rung.USB_RESET,
        next=None,
        next_in=None,
        held_back="the wired line works and the power was cut 3 times within an hour",
        switches_power=False,
        steps=(
            StepView(rung=Rung.USB_RESET, cause="owner", why="you asked for it", result="", age=0.0),
            StepView(
                rung=Rung.POWER_CYCLE,
                cause="hung",
                why=HUNG_WHY,
                result="1-1:2 was switched off and the stick stayed: this hub does not switch power",
                age=4 * MINUTE,
            ),
        ),
    ),
)

UNDER_VOLTAGE = "under-voltage now: the supply or its cable is too weak"
DOWN_FOR_POWER = mobile_down(
    "no USB modem found",
    SUPPLY_ADVICE,
    down_for=2 * MINUTE,
    modem=replace(NO_MODEM.modem, reason="no USB modem found", advice=SUPPLY_ADVICE, fault=Fault.BROWN_OUT),
)
BROWN_OUT = replace(
    DOWN_FOR_POWER,
    supply=SupplyView(
        good=False,
        reason=UNDER_VOLTAGE,
        under_voltage=True,
        under_voltage_before=True,
        over_current=1,
        disconnects=4,
    ),
    warnings=(
        *DOWN_FOR_POWER.warnings,
        Notice(
            code="power-supply", text=f"the power supply is too weak: {UNDER_VOLTAGE}", cure=SUPPLY_ADVICE
        ),
    ),
)

ALL = {
    "hung": HUNG,
    "powerless": POWERLESS,
    "brown-out": BROWN_OUT,
    "all well": ALL_WELL,
    "router, all well": ROUTER_ALL_WELL,
    "dialling": DIALLING,
    "waiting": WAITING,
    "pin refused": PIN_REFUSED,
    "sim absent": SIM_ABSENT,
    "no modem": NO_MODEM,
    "roaming": ROAMING,
    "cgnat": CGNAT,
    "back end refused": BACKEND_REFUSED,
    "firewall failed": FIREWALL_FAILED,
    "no line": NO_LINE,
    "starting": STARTING,
}
