"""The functions and their keys at AWS, as far as no stack knows them: code, permissions, the SecureString."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from failberry.aws import layout
from failberry.aws.session import AwsError, Document, Session
from failberry.errors import AdapterError, AdapterReason

_PATIENCE = 120.0
"""Seconds for new code to be in force; it takes a few."""
_POLL = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as it is."""

    name: str
    digest: str
    """Of its code."""
    settled: bool
    """Whether the last change of it is in force."""


class Functions:
    """Lambda and the parameter store, for one stack of one region.  Everything raises AdapterError."""

    def __init__(self, aws: Session, *, region: str, stack: str) -> None:
        self._aws, self._region, self._stack = aws, region, stack

    def find(self, name: str) -> Function | None:
        """A function."""
        try:
            told = self._lambda("get_function_configuration", {"FunctionName": name}, f"reading {name}")
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        return Function(
            name=name,
            digest=str(told["CodeSha256"]),
            settled=told.get("State", "Active") == "Active"
            and told.get("LastUpdateStatus", "Successful") == "Successful",
        )

    def outdated(self, digest: str) -> tuple[str, ...]:
        """Names of the functions that have other code, or are not there."""
        found = {name: self.find(name) for name in layout.functions(self._stack)}
        return tuple(name for name, each in found.items() if each is None or each.digest != digest)

    def upload(self, name: str, archive: bytes) -> None:
        """Give it this code; returns once it is in force."""
        place = f"uploading the code of {name}"
        self._lambda("update_function_code", {"FunctionName": name, "ZipFile": archive}, place)
        deadline = self._aws.clock() + _PATIENCE
        while (found := self.find(name)) is not None and not found.settled:
            if self._aws.clock() >= deadline:
                words = f"{place}: after {_PATIENCE:.0f} s it is not in force; run this again"
                raise AdapterError(AdapterReason.TIMEOUT, words)
            self._aws.pause(_POLL)

    def url(self) -> tuple[str, str]:
        """Where the function is reached, and whom it asks for a signature (NONE: nobody); empty: nowhere."""
        name = layout.ddns_function(self._stack)
        try:
            told = self._lambda("get_function_url_config", {"FunctionName": name}, f"reading {name}")
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                return "", ""
            raise
        return str(told["FunctionUrl"]).rstrip("/") + "/", str(told["AuthType"])

    def statements(self) -> Sequence[Document]:
        """Who may call the function, from its resource policy."""
        name = layout.ddns_function(self._stack)
        try:
            told = self._lambda("get_policy", {"FunctionName": name}, f"reading {name}")
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                return ()
            raise
        statements: list[Document] = json.loads(told["Policy"])["Statement"]
        return statements

    def keys(self) -> str | None:
        """The document with the keys; secret."""
        wanted = {"Name": layout.keys_parameter(self._stack), "WithDecryption": True}
        try:
            told = self._ssm("get_parameter", wanted, "reading the keys")
        except AwsError as error:
            if error.code == "ParameterNotFound":
                return None
            raise
        return str(told["Parameter"]["Value"])

    def write_keys(self, document: str, *, secrets: Sequence[str]) -> None:
        """Keep the document, encrypted."""
        wanted = {
            "Name": layout.keys_parameter(self._stack),
            "Value": document,
            "Type": "SecureString",
            "Overwrite": True,
        }
        self._ssm("put_parameter", wanted, "writing the keys", secrets=(document, *secrets))

    def delete_keys(self) -> None:
        """Remove the document, if it is there."""
        try:
            self._ssm("delete_parameter", {"Name": layout.keys_parameter(self._stack)}, "removing the keys")
        except AwsError as error:
            if error.code != "ParameterNotFound":
                raise

    def _lambda(self, operation: str, parameters: Document, place: str) -> Document:
        return self._aws.ask("lambda", operation, parameters, place, region=self._region)

    def _ssm(
        self, operation: str, parameters: Document, place: str, *, secrets: Sequence[str] = ()
    ) -> Document:
        return self._aws.ask("ssm", operation, parameters, place, region=self._region, secrets=secrets)
