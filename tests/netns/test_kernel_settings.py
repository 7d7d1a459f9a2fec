"""What the service puts into the kernel when it starts, by the very script that does it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

SETTINGS = Path(__file__).parents[2] / "etc" / "sysctl"
# Namespaces of its own, and files in place of what belongs to the whole machine.
STAGE = """
for folder in /run /usr/share /etc/sysctl.d; do mkdir -p $folder; mount -t tmpfs none $folder; done
mkdir -p /run/stage /usr/share/failberry
for setting in panic panic_on_oops hung_task_panic; do
	echo 0 >/run/stage/$setting
	[ ! -e /proc/sys/kernel/$setting ] || mount --bind /run/stage/$setting /proc/sys/kernel/$setting
done
cp -r "$1" /usr/share/failberry/sysctl
eval "$2"
/usr/share/failberry/sysctl/kernel-settings
cat /run/stage/panic /run/stage/panic_on_oops /run/stage/hung_task_panic /proc/sys/net/ipv4/ip_forward
cat /proc/sys/net/netfilter/nf_conntrack_acct
"""


def settings(owner: str = "") -> list[str]:
    """What STAGE prints: panic, panic_on_oops, hung_task_panic, ip_forward, nf_conntrack_acct.

    ``owner`` does what an owner would.
    """
    staged = ["unshare", "--mount", "--net", "sh", "-ec", STAGE, "stage", str(SETTINGS), owner]
    return subprocess.run(staged, check=True, capture_output=True, text=True, timeout=30).stdout.split()


def test_a_kernel_that_fails_starts_anew_and_packets_pass() -> None:
    before = [Path("/proc/sys/kernel", name).read_text() for name in ("panic", "panic_on_oops")]
    assert settings() == ["10", "1", "0", "1", "1"]
    assert before == [Path("/proc/sys/kernel", name).read_text() for name in ("panic", "panic_on_oops")]


def test_the_owner_has_the_last_word_and_nothing_else_of_his_is_touched() -> None:
    owner = "printf 'kernel.panic_on_oops = 0\\nkernel.hung_task_panic = 1\\n' >/etc/sysctl.d/70-mine.conf"
    assert settings(owner) == ["10", "0", "0", "1", "1"]
