"""pyroute2 is imported in parts where its version allows it, and whole where it does not."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def imports(*, before: Path | None = None) -> set[str]:
    """The modules of pyroute2 that the adapter brings into a fresh interpreter."""
    program = "import sys, failberry.adapters.netlink; print(*sys.modules)"
    path = os.pathsep.join(str(each) for each in (before, ROOT) if each)
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    return {name for name in done.stdout.split() if name.partition(".")[0] == "pyroute2"}


def test_only_what_routes_need_is_imported():
    found = imports()
    assert "pyroute2.iproute.linux" in found
    assert not {name for name in found if name.split(".")[1:2] in (["ndb"], ["dhcp"], ["nslink"], ["cli"])}


def test_a_version_whose_parts_need_the_whole_is_imported_whole(tmp_path):
    files = {
        "pyroute2/__init__.py": "import pyroute2.whole\nname = 'pyroute2'",
        "pyroute2/whole.py": "",
        "pyroute2/iproute/__init__.py": "",
        "pyroute2/iproute/linux.py": "from pyroute2 import name\nclass IPRoute: pass",
        "pyroute2/netlink/__init__.py": "",
        "pyroute2/netlink/exceptions.py": "NetlinkError = NetlinkDumpInterrupted = OSError",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert {"pyroute2.whole", "pyroute2.iproute.linux"} <= imports(before=tmp_path)
