"""The firewall back ends that this machine can be tested with."""

import re
import subprocess

from failberry.adapters.firewall import IPTABLES, NFTABLES

_VERSION = subprocess.run(["iptables", "--version"], check=True, capture_output=True, text=True).stdout

IPTABLES_WORKS = tuple(map(int, re.findall(r"\d+", _VERSION)[:3])) < (1, 8, 11)
"""With libxtables 1.8.11 python-iptables writes other rules than it was given (ADR 1)."""

BACKENDS = (NFTABLES, IPTABLES) if IPTABLES_WORKS else (NFTABLES,)
