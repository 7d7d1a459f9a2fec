"""The CD-ROM that a modem stick shows first: one mass-storage interface, and no disc in it.

USB Mass Storage Class, Bulk-Only Transport 1.0. It answers what a host's driver asks of any drive, fails the
rest politely, and knows the two words on which such a stick turns into a modem: an eject (START STOP UNIT
with LoEj), and the command that the maker's own programs send (usb_modeswitch's file 19d2:2000 has both).
"""

import contextlib
import errno
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator

from gadget import PACKETS, Gadget, interface

IDS = (0x19D2, 0x2000)
WORDS = ("ZTE,Incorporated", "ZTE WCDMA Technologies MSM")
KIND = (8, 6, 0x50)  # mass storage, SCSI, bulk only
INTO_HOST, OUT_OF_HOST = 1, 2
COMMAND, STATUS = 0x43425355, 0x53425355
COMMAND_SIZE = 31
GET_MAX_LUN = 0xFEA1  # bmRequestType a1, bRequest fe (clause 3.2)
MAX_TRANSFER = 65_536
DISC = b"\x05\x80\x00\x01\x1f\x00\x00\x00ZTE     USB SCSI CD-ROM 2.31"  # SPC-2 7.3: a CD-ROM, removable
NO_DISC = bytes(
    (0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3A, 0, 0, 0, 0, 0)
)  # SPC-2 7.20: medium not present
MAKERS_WORD = bytes.fromhex("850101011801010101010000")


class CdRom:
    """The gadget, and a thread that answers its host; ``switched`` is called there when it shall turn."""

    def __init__(self, switched: Callable[[], None]) -> None:
        self.gadget = Gadget("stick-cdrom", ids=IDS, words=WORDS)
        self._switched = switched
        text = {
            speed: interface(0, KIND, [(0x80 | INTO_HOST, 2, size, 0), (OUT_OF_HOST, 2, size, 0)])
            for speed, size in PACKETS.items()
        }
        self.gadget.describe(full=text["full"], high=text["high"], count=3)
        self._in, self._out = self.gadget.open(INTO_HOST), self.gadget.open(OUT_OF_HOST)
        threading.Thread(target=self._serve, daemon=True).start()

    def setup(self, request: int, length: int) -> bool:
        """Answer a class request of the host; False: it is none of ours."""
        if request == GET_MAX_LUN:
            os.write(self.gadget.control, b"\0"[:length])
            return True
        return False

    def _serve(self) -> None:
        while True:
            with absence_ignored():
                block = os.read(self._out, PACKETS["high"])
                if len(block) == COMMAND_SIZE:
                    self._obey(block)

    def _obey(self, block: bytes) -> None:
        signature, tag, length, flags, _lun, size = struct.unpack_from("<IIIBBB", block)
        if signature != COMMAND:
            return
        words = block[15 : 15 + min(size, 16)]
        answer, failed, turn = self._answer(words)
        if length and flags & 0x80:
            # A failed command is filled up with zeros to what was asked for, which spares everybody a stall.
            os.write(self._in, (answer or bytes(min(length, MAX_TRANSFER)))[:length])
        elif length:
            os.read(self._out, min(length, MAX_TRANSFER))
        residue = max(length - len(answer), 0)
        os.write(self._in, struct.pack("<IIIB", STATUS, tag, residue, failed))
        if turn:
            self._switched()

    def _answer(self, words: bytes) -> tuple[bytes, bool, bool]:
        """What one SCSI command brings: bytes, whether it failed, whether the stick turns into the modem."""
        if words.startswith(MAKERS_WORD):
            return b"", False, True
        match words[0]:
            case 0x12:  # INQUIRY
                return DISC, False, False
            case 0x03:  # REQUEST SENSE
                return NO_DISC, False, False
            case 0x1E:  # PREVENT ALLOW MEDIUM REMOVAL
                return b"", False, False
            case 0x1B:  # START STOP UNIT
                return b"", False, words[4] & 3 == 2
            case _:
                return b"", True, False


@contextlib.contextmanager
def absence_ignored() -> Iterator[None]:
    """An endpoint fails while the device is away: no reason to end, nor to spin."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ESHUTDOWN, errno.ENODEV, errno.ECONNRESET, errno.EINTR):
            raise
        time.sleep(0.01)
