"""A machine on which packages are upgraded: real dpkg on a root of its own, time that passes by sleeping.

The package is a small one of the same name, with the real program and the real maintainer scripts; what its
"daemon" does is a word in one of its files.  The few programs of the system that the watch asks (systemctl,
failberryctl, ping) answer from that word and from a folder that the test writes.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
WATCH = ROOT / "etc/upgrade/upgrade-watch"
BOOTED = 1000
TARGET = "192.0.2.1"

PROGRAMS = {
    # A daemon that crashes is restarted every ten seconds; one that was stopped stays so.
    "systemctl": """\
behaves=$(cat "$DPKG_ROOT/usr/share/failberry/behaviour")
[ ! -e "$WORLD/stopped" ] || behaves=stopped
case "$1 $behaves" in
"is-active stopped" | "is-active crashes" | "is-active hangs") exit 3 ;;
is-active*) exit 0 ;;
show*)
	case "$2 $behaves" in
	*NRestarts\\ crashes)
		read -r now _ <"$DPKG_ROOT/proc/uptime"
		echo $(((now - $(cat "$WORLD/began")) / 10))
		;;
	*NRestarts*) echo 0 ;;
	*stopped) echo inactive ;;
	*crashes | *hangs) echo activating ;;
	*) echo active ;;
	esac
	;;
*) echo "$*" >>"$WORLD/asked" ;;
esac
""",
    "failberryctl": """\
case "$1 $(cat "$DPKG_ROOT/usr/share/failberry/behaviour")" in
config*) printf '[probe]\\ntargets = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]  # default\\n[failover]\\n' ;;
*broken*) exit 1 ;;
*crashes | *hangs) exit 3 ;;
*loses) echo "No line works."; exit 2 ;;
*)
	if [ -e "$WORLD/outage" ]; then echo "No line works."; exit 2; fi
	echo "All is well."
	;;
esac
""",
    "busybox": """\
[ "$6" = 192.0.2.1 ] && [ ! -e "$WORLD/outage" ] || exit 1
[ "$(cat "$DPKG_ROOT/usr/share/failberry/behaviour")" != cuts ]
""",
    "systemd-detect-virt": "exit 1",
    # Time, and what happens at its moments: a file "at-700" is run when 700 has passed.
    "sleep": """\
read -r before _ <"$DPKG_ROOT/proc/uptime"
after=$((before + $1))
echo "$after 0" >"$DPKG_ROOT/proc/uptime"
for each in "$WORLD"/at-*; do
	[ -e "$each" ] && [ "${each##*-}" -le "$after" ] || continue
	mv "$each" "$WORLD/now" && sh "$WORLD/now"
done
""",
    # The power may go before any of these.
    "sync": 'power sync; exec /usr/bin/sync "$@"',
    "mv": 'power mv; exec /usr/bin/mv "$@"',
    "dpkg": 'power dpkg; /usr/bin/dpkg "$@"; code=$?; power dpkg; exit $code',
    # Ends the whole machine, at the moment that the test has chosen.
    "power": """\
[ -e "$WORLD/cut" ] || exit 0
left=$(($(cat "$WORLD/cut") - 1))
echo "$left" >"$WORLD/cut"
[ "$left" -gt 0 ] || kill -9 0
""",
}


class Machine:
    """A root file system with dpkg's records, and the world around it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.world, self.bin = folder / "root", folder / "world", folder / "bin"
        self._packages = folder / "packages"
        for each in (
            "var/lib/dpkg/info", "var/lib/dpkg/updates", "run/systemd/system", "proc/sys/kernel/random",
            "etc/apt",
        ):  # fmt: skip
            (self.root / each).mkdir(parents=True)
        for each in (self.world, self.bin, self._packages):
            each.mkdir()
        (self.root / "var/lib/dpkg/status").touch()
        (self.root / "proc/locks").touch()
        (self.root / "proc/cmdline").write_text("quiet\n")
        (self.root / "proc/uptime").write_text(f"{BOOTED} 0\n")
        self._boots = 0
        self.reboot()
        for name, script in PROGRAMS.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{script}")
            (self.bin / name).chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin",
            "DPKG_ROOT": str(self.root),
            "DPKG_ADMINDIR": str(self.root / "var/lib/dpkg"),
            "DPKG_FORCE": "not-root,script-chrootless,unsafe-io",
            "WORLD": str(self.world),
            "LC_ALL": "C.UTF-8",
        }

    # --- packages ------------------------------------------------------------------------------

    def package(self, version: str, behaviour: str, *, scripts: dict[str, str] | None = None) -> Path:
        """Build a version whose daemon behaves so; ``scripts`` are put before its maintainer scripts."""
        tree = self._packages / version
        files = {
            "DEBIAN/control": f"Package: failberry\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: a line\n and more\n .\n about it\n",
            "usr/share/failberry/behaviour": behaviour,
            f"usr/share/doc/failberry/only in {version}": "a name with spaces\n",
        }
        for name, text in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        program = tree / "usr/lib/failberry/upgrade-watch"
        program.parent.mkdir(parents=True)
        program.write_bytes(WATCH.read_bytes())
        program.chmod(0o755)
        (tree / "usr/lib/failberry/link").symlink_to("upgrade-watch")
        (tree / "etc/failberry").mkdir(parents=True)
        (tree / "etc/failberry").chmod(0o700)
        for name in ("preinst", "postinst", "prerm", "postrm"):
            ours = ROOT / f"debian/failberry.{name}"
            real = ours.read_text().replace("#DEBHELPER#", "") if ours.exists() else ""
            script = tree / "DEBIAN" / name
            script.write_text(f"#!/bin/sh\n{(scripts or {}).get(name, '')}\n{real}\n")
            script.chmod(0o755)
        with (tree / "DEBIAN/postinst").open("a") as postinst:
            postinst.write('read -r began _ <"$DPKG_ROOT/proc/uptime"; echo "$began" >"$WORLD/began"\n')
        deb = self._packages / f"{version}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", "-Znone", tree, deb],
            check=True,
            capture_output=True,
            timeout=30,
        )
        return deb

    def install(self, deb: Path) -> int:
        """Let dpkg do it; return its exit status."""
        return self._run(["/usr/bin/dpkg", "--install", str(deb)]).returncode

    @property
    def installed(self) -> str:
        """State and version in dpkg's records."""
        return self._run(
            ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "failberry"]
        ).stdout

    # --- time ----------------------------------------------------------------------------------

    @property
    def passed(self) -> int:
        """Seconds since the machine was there."""
        return int((self.root / "proc/uptime").read_text().split()[0]) - BOOTED

    def at(self, seconds: int, command: str) -> None:
        """Have something happen."""
        (self.world / f"at-{BOOTED + seconds}").write_text(command)

    def reboot(self) -> None:
        """Start anew: another name for the boot."""
        self._boots += 1
        (self.root / "proc/sys/kernel/random/boot_id").write_text(f"boot-{self._boots}\n")
        (self.world / "cut").unlink(missing_ok=True)

    # --- the watch -----------------------------------------------------------------------------

    def watch(self) -> str:
        """What the service does, if its condition holds; what it says."""
        if not (self.root / "var/lib/failberry-upgrade/state").exists():
            return "not armed"
        return self._run(
            ["/bin/sh", str(self.root / "var/lib/failberry-upgrade/upgrade-watch"), "watch"]
        ).stdout

    def told(self) -> dict[str, str]:
        """What is noted for the status; empty: nothing was refused."""
        path = self.root / "var/lib/failberry-upgrade/refused"
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines)

    def pins(self) -> list[str]:
        """Versions that apt may not install."""
        path = self.root / "etc/apt/preferences.d/failberry-refused"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.removeprefix("Pin: version ") for line in lines if line.startswith("Pin: ")]

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        # A session of its own: the power that goes takes all of it.
        return subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False, timeout=60,
            start_new_session=True,
        )  # fmt: skip
