"""The configuration as a file: absent, unreadable, of the wrong kind, or open to everybody."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from failberry.configfile import SIZE_LIMIT, config_from_text, load, warnings
from failberry.errors import ConfigError

MINIMAL = """\
mode = "standby-gateway"
[wired]
interface = "eth0"
[cellular]
apn = "internet"
"""


def refused_file(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.path == str(path)
    return str(caught.value).replace(str(path), "PATH") + "\n"


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "failberry.toml"
    path.write_text("\ufeff" + MINIMAL, encoding="utf-8")
    assert load(path) == load(str(path)) == config_from_text(MINIMAL, path="")


def test_no_file(tmp_path: Path) -> None:
    assert refused_file(tmp_path / "failberry.toml") == (
        "PATH: does not exist (write one: python3 -m failberry.configfile sample > PATH)\n"
    )


def test_a_directory(tmp_path: Path) -> None:
    assert refused_file(tmp_path) == "PATH: is a directory (give the file in it: PATH/failberry.toml)\n"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert refused_file(path) == "PATH: is no ordinary file (give the path of the TOML file itself)\n"


@contextmanager
def nobody() -> Iterator[None]:
    """Root may read everything, so be somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "failberry.toml"
    path.write_text(MINIMAL)
    path.chmod(0)
    with nobody():
        message = refused_file(path)
    assert message == (
        "PATH: may not be read by this user (use sudo, or join the group that `ls -l` shows for it)\n"
    )


def test_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused_file(tmp_path / "file" / "failberry.toml") == (
        "PATH: cannot be read: Not a directory (look at the path, then at the disk (`dmesg`))\n"
    )


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "failberry.toml"
    path.write_bytes(MINIMAL.encode() + "# für den Stick\n".encode("latin-1"))
    assert (
        refused_file(path) == "PATH: line 6: byte 0xfc is not UTF-8 (save the file as UTF-8 in the editor)\n"
    )


def test_a_file_of_absurd_size(tmp_path: Path) -> None:
    path = tmp_path / "failberry.toml"
    path.write_text(MINIMAL + "#" * SIZE_LIMIT)
    assert refused_file(path) == "PATH: is larger than 64 KiB (start again from the sample)\n"


@pytest.mark.parametrize(
    ("mode", "secret", "expected"),
    [
        (0o640, 'pin = "1234"', ()),
        (0o644, "", ()),
        (0o644, 'pin = "1234"', ("PATH: every user of this machine can read cellular.pin (chmod o= PATH)",)),
        (
            0o604,
            'pin = "1234"\n[health]\nwired_path = "/x1"',
            ("PATH: every user of this machine can read cellular.pin, health.wired_path (chmod o= PATH)",),
        ),
        (0o602, "", ("PATH: every user of this machine can change it (chmod o= PATH)",)),
    ],
)
def test_who_may_see_the_file(tmp_path: Path, mode: int, secret: str, expected: tuple[str, ...]) -> None:
    path = tmp_path / "failberry.toml"
    path.write_text(MINIMAL + secret)
    path.chmod(mode)
    assert tuple(each.replace(str(path), "PATH") for each in warnings(load(path), path)) == expected
