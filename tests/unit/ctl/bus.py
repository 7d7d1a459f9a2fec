"""A USB bus and a modem's answers, as the daemon tells them."""

from dataclasses import replace

from failberry.control.answers import AtAnswer, CdromSwitch, PowerPreview, UsbDeviceView, UsbView
from failberry.core.facts import PortRole
from failberry.core.power import Casualty, HubPort, PlanBasis, PowerPlan

PLAN = PowerPlan(
    target="1-1.3",
    ports=(HubPort(hub="1-1", port=2),),
    basis=PlanBasis.BOARD,
    words="port 2 of hub 1-1: a Raspberry Pi 3B switches all four sockets together",
    casualties=(
        Casualty(usb_path="1-1.2", product="SanDisk Ultra Fit", harm="carries /srv"),
        Casualty(usb_path="1-1.4", product="Logitech Keyboard", harm=""),
    ),
)
POWER = PowerPreview(plan=PLAN, refusal=PLAN.refusal, off_time=10.0, forced=False)
HARMLESS = replace(POWER, plan=replace(PLAN, casualties=PLAN.casualties[1:]), refusal="")
WHY_NOT = "hub 1-1 (Terminus hub) says that it does not switch power"
IMPOSSIBLE = replace(
    POWER,
    plan=PowerPlan(target="1-1.3", ports=(), basis=PlanBasis.NONE, words=WHY_NOT, impossible=WHY_NOT),
    refusal=WHY_NOT,
)


def _device(path: str, ids: str, product: str, **more: object) -> UsbDeviceView:
    nothing = UsbDeviceView(
        path=path,
        ids=ids,
        product=product,
        speed=480.0,
        self_powered=False,
        ports=0,
        switching="",
        ttys=(),
        interfaces=(),
        mounts=(),
        modem=False,
        cut=(),
        harm="",
    )
    return replace(nothing, **more)  # type: ignore[arg-type]


USB = UsbView(
    model="Raspberry Pi 3 Model B Rev 1.2",
    devices=(
        _device(
            "usb1", "1d6b:0002", "Linux DWC OTG Controller", ports=1, switching="unknown", self_powered=True
        ),
        _device("1-1", "0424:9514", "SMC9514 Hub", ports=5, switching="ganged", self_powered=True, cut=(2,)),
        _device("1-1.1", "0424:ec00", "SMSC9512/9514 Ethernet", interfaces=("eth0",)),
        _device("1-1.2", "0781:5583", "SanDisk Ultra Fit", mounts=("/srv",), harm="carries /srv"),
        _device(
            "1-1.3",
            "19d2:0117",
            "ZTE,Incorporated MF180",
            ttys=("/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB2"),
            modem=True,
        ),
        _device("1-1.4", "046d:c31c", "Logitech Keyboard", speed=1.5),
    ),
    problem="",
    power=POWER,
)

AT_SIGNAL = AtAnswer(port=PortRole.STATUS, lines=("+CSQ: 18,99",), result="OK", ok=True, meaning="")
AT_ERROR = AtAnswer(
    port=PortRole.DIAL,
    lines=(),
    result="+CME ERROR: 10",
    ok=False,
    meaning="SIM not inserted. The modem sees no SIM: seat the card firmly, and plug the stick in again.",
)
CDROM = CdromSwitch(product="ZTE,Incorporated MF180", command="AT+ZCDRUN=8", back="AT+ZCDRUN=9", answer=None)
