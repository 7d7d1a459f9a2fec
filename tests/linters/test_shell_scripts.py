"""shellcheck."""

from __future__ import annotations

from tests.linters.tree import ROOT, judge, tracked


def test_shellcheck_finds_nothing() -> None:
    scripts = [
        path
        for path in tracked()
        if (ROOT / path).read_bytes().startswith((b"#!/bin/sh\n", b"#!/bin/bash\n", b"#!/usr/bin/env bash\n"))
    ]
    assert scripts, "no script was found: this test looks in the wrong place"
    # debhelper's token is a comment to the shell.
    judge(["shellcheck", *scripts], cure="each code is explained at shellcheck.net/wiki/SCnnnn")
