"""The kit's whole cloud as a program: a record goes in over the API's side, and comes out by DNS."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.aws.test_authority import free_port, question
from tests.awskit.account import simple

ROOT = Path(__file__).parents[2]


def test_a_record_that_is_written_is_resolved_a_little_later(tmp_path: Path) -> None:
    settings = {
        "zone": "example.net",
        "pace": 100,
        "dns_port": free_port(),
        "recursor": ["127.0.0.1"],
        "authority": ["127.0.0.2"],
        "name_servers": {"ns1.cloud.example": "127.0.0.2"},
        "elsewhere": {"*": "127.0.0.9"},
        "ping": {"endpoints": [{"name": "cellular", "url": "http://127.0.0.1:1/"}]},
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    words = [sys.executable, "-m", "tests.awskit.cloud", str(tmp_path / "settings.json")]
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'lambda'}"}
    with (
        subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **path}
        ) as program,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
    ):
        assert program.stdin is not None
        assert program.stdout is not None
        url = f"http://127.0.0.1:{program.stdout.readline().split()[1]}/kit/"
        ours.settimeout(30)

        def kit(path: str, document: object = None) -> Any:
            body = None if document is None else json.dumps(document).encode()
            with urlopen(Request(url + path, body), timeout=30) as answer:  # noqa: S310 -- on loopback
                return json.loads(answer.read())

        def ask(name: str, server: str = "127.0.0.1", kind: str = "A") -> bytes:
            ours.sendto(question(name, kind), (server, settings["dns_port"]))
            return ours.recv(4096)

        assert ask("somebody.example")[-4:] == socket.inet_aton("127.0.0.9")
        assert b"\3ns1\5cloud\7example\0" in ask("example.net", "127.0.0.2", "NS")
        record = simple("wired.example.net", "A", "1.2.3.4")
        kit("records", [{"Action": "UPSERT", "ResourceRecordSet": record}])
        end = time.monotonic() + 30
        while not kit("resolve", ["wired.example.net", "A"])["records"]:
            assert time.monotonic() < end
        assert ask("wired.example.net")[-4:] == socket.inet_aton("1.2.3.4")
        assert kit("health")["timeline"] == []
        program.stdin.close()
        assert program.wait(10) == 0
