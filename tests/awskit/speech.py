"""What a client of AWS says and hears, from the other end: by botocore's own models of the services.

Route 53 speaks rest-xml.  CloudWatch is asked by the query protocol (Debian 13's SDK), by JSON or by RPC
v2 with CBOR (newer ones); each is answered as it asked.  What is read are the parameters of boto3's method
of that name, what is written is its answer.
"""

from __future__ import annotations

import functools
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore import xform_name

from tests.awskit import cbor
from tests.awskit.web import Request, Response

Document = dict[str, Any]

STATUSES = {
    "AccessDenied": 403, "InvalidClientTokenId": 403, "MissingAuthenticationToken": 403,
    "SignatureDoesNotMatch": 403, "RequestExpired": 403, "InternalFailure": 500, "InternalError": 500,
    "ServiceUnavailable": 503,
}  # fmt: skip
"""Of errors that no model knows; all others are 400."""
_NAMES = {"monitoring": "cloudwatch"}
"""Where botocore names a service otherwise than its signatures do."""
_REQUEST_ID = "00000000-0000-4000-8000-000000000000"


class UnknownOperationError(Exception):
    """Nothing that the service's model has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, understood."""

    operation: str
    """As boto3 names the method."""
    parameters: Document
    _model: Any
    _speech: str
    """``rest-xml``, ``query``, ``json`` or ``cbor``."""

    def answer(self, document: Document) -> Response:
        """The answer on the wire."""
        status = int(self._model.http.get("responseCode", 200))
        shape = self._model.output_shape
        match self._speech:
            case "json":
                return _json(status, document)
            case "cbor":
                return _cbor(status, document)
            case "query":
                return _xml(status, _query_answer(self._model, document))
            case _:
                root = ET.Element(f"{self._model.name}Response", xmlns=_namespace(self._model))
                headers = {}
                for name, member in _members(shape):
                    if document.get(name) is None:
                        continue
                    if member.serialization.get("location") == "header":
                        headers[member.serialization["name"]] = str(document[name])
                    else:
                        root.extend(_written(member, _tag(name, member), document[name]))
                return _xml(status, root, headers)

    def refusal(self, code: str, words: str) -> Response:
        """An error on the wire; a code that is a number is a page of HTML from before the service."""
        if code.isdecimal():
            page = f"<html><body><h1>{code}</h1></body></html>".encode()
            return Response(status=int(code), headers={"Content-Type": "text/html"}, body=page)
        known = {each.name: each.metadata.get("error", {}) for each in self._model.error_shapes}
        status = int(known.get(code, {}).get("httpStatusCode", STATUSES.get(code, 400)))
        match self._speech:
            case "json":
                return _json(status, {"__type": code, "message": words})
            case "cbor":
                return _cbor(status, {"__type": code, "message": words})
            case _:
                return _xml(status, _error(_namespace(self._model), code, words))


def refusal(code: str, words: str) -> Response:
    """An error to somebody whose request is not even understood."""
    return _xml(STATUSES.get(code, 400), _error("", code, words))


def read(service: str, request: Request) -> Asked:
    """Understand a request to a service, named as in signatures.  Raises UnknownOperationError."""
    model = _model(_NAMES.get(service, service))
    if model.metadata["protocol"] == "rest-xml":
        return _read_rest(model, request)
    target = request.headers.get("x-amz-target", "")
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        name, speech = request.path.rpartition("/")[2], "cbor"
    elif target:
        name, speech = target.rpartition(".")[2], "json"
    else:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) | request.query
        name, speech = form.get("Action", ""), "query"
    operation = _operation(model, name)
    if speech == "query":
        parameters = _from_form(operation.input_shape, "", form) or {}
    else:
        raw = request.body
        parameters = (cbor.decode(raw) if speech == "cbor" else json.loads(raw)) if raw else {}
    return Asked(
        operation=xform_name(operation.name), parameters=parameters, _model=operation, _speech=speech
    )


@functools.cache
def _model(name: str) -> Any:
    try:
        return botocore.session.get_session().get_service_model(name)
    except botocore.exceptions.UnknownServiceError as error:
        raise UnknownOperationError(name) from error


def _operation(model: Any, name: str) -> Any:
    if name not in model.operation_names:
        raise UnknownOperationError(f"{model.service_name} {name}")
    return model.operation_model(name)


def _namespace(operation: Any) -> str:
    return str(operation.service_model.metadata.get("xmlNamespace", "")) or (
        "https://route53.amazonaws.com/doc/2013-04-01/"
        if operation.service_model.service_name == "route53"
        else ""
    )


# --- rest-xml --------------------------------------------------------------------------------------


@functools.cache
def _routes(name: str) -> list[tuple[str, re.Pattern[str], Any]]:
    model = _model(name)
    routes = []
    for operation in map(model.operation_model, model.operation_names):
        path = operation.http["requestUri"].partition("?")[0].rstrip("/")
        pattern = re.sub(r"\\\{(\w+)(\\\+)?\\\}", lambda found: f"(?P<{found[1]}>[^/]+)", re.escape(path))
        routes.append((operation.http["method"], re.compile(f"{pattern}/?"), operation))
    # A path without a variable goes before one with (GET …/healthcheck/{Id}, …/healthcheck/ids).
    return sorted(routes, key=lambda each: each[1].groups)


def _read_rest(model: Any, request: Request) -> Asked:
    matches = (
        (operation, found)
        for method, path, operation in _routes(model.service_name)
        if method == request.method and (found := path.fullmatch(request.path))
    )
    operation, found = next(matches, (None, None))
    if operation is None or found is None:
        raise UnknownOperationError(f"{request.method} {request.path}")
    parameters: Document = {}
    body = ET.fromstring(request.body) if request.body.strip() else None  # noqa: S314 -- our own client's
    for name, member in _members(operation.input_shape):
        place, tag = member.serialization.get("location"), _tag(name, member)
        if place == "uri":
            parameters[name] = _scalar(member, unquote(found[tag]))
        elif place == "querystring" and tag in request.query:
            parameters[name] = _scalar(member, request.query[tag])
        elif place is None and body is not None:
            value = _read_member(member, tag, body)
            if value is not None:
                parameters[name] = value
    return Asked(
        operation=xform_name(operation.name), parameters=parameters, _model=operation, _speech="rest-xml"
    )


def _members(shape: Any) -> list[tuple[str, Any]]:
    return [] if shape is None else list(shape.members.items())


def _tag(name: str, shape: Any) -> str:
    return str(shape.serialization.get("name", name))


def _read_member(shape: Any, tag: str, parent: ET.Element) -> Any:
    nodes = [each for each in parent if _bare(each) == tag]
    if not nodes:
        return None
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return [_from_xml(shape.member, each) for each in nodes]
    return _from_xml(shape, nodes[0])


def _from_xml(shape: Any, node: ET.Element) -> Any:
    match shape.type_name:
        case "structure":
            found = {name: _read_member(each, _tag(name, each), node) for name, each in shape.members.items()}
            return {name: value for name, value in found.items() if value is not None}
        case "list":
            return [_from_xml(shape.member, each) for each in node]
        case _:
            return _scalar(shape, node.text or "")


def _scalar(shape: Any, text: str) -> Any:
    match shape.type_name:
        case "boolean":
            return text.lower() == "true"
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case _:
            return text


def _bare(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


def _written(shape: Any, tag: str, value: Any) -> list[ET.Element]:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return [node for each in value for node in _written(shape.member, tag, each)]
    node = ET.Element(tag)
    match shape.type_name:
        case "structure":
            for name, member in shape.members.items():
                if value.get(name) is not None:
                    node.extend(_written(member, _tag(name, member), value[name]))
        case "list":
            for each in value:
                node.extend(_written(shape.member, _tag("member", shape.member), each))
        case "boolean":
            node.text = "true" if value else "false"
        case _:
            node.text = str(value)
    return [node]


def _error(namespace: str, code: str, words: str) -> ET.Element:
    root = ET.Element("ErrorResponse", xmlns=namespace)
    error = ET.SubElement(root, "Error")
    # A batch's complaints are a list, in one line.
    said = f"[{words}]" if code == "InvalidChangeBatch" else words
    for tag, text in (("Type", "Sender"), ("Code", code), ("Message", said)):
        ET.SubElement(error, tag).text = text
    ET.SubElement(root, "RequestId").text = _REQUEST_ID
    return root


# --- the query protocol ----------------------------------------------------------------------------


def _from_form(shape: Any, place: str, form: Mapping[str, str]) -> Any:
    if shape is None or not any(not place or key == place or key.startswith(f"{place}.") for key in form):
        return None
    match shape.type_name:
        case "structure":
            dot = f"{place}." if place else ""
            found = {
                name: _from_form(each, dot + _tag(name, each), form) for name, each in shape.members.items()
            }
            return {name: value for name, value in found.items() if value is not None}
        case "list":
            flat = shape.serialization.get("flattened")
            stem = place if flat else f"{place}.{_tag('member', shape.member)}"
            values: list[Any] = []
            while (value := _from_form(shape.member, f"{stem}.{len(values) + 1}", form)) is not None:
                values.append(value)
            return values
        case _:
            return _scalar(shape, form[place])


def _query_answer(operation: Any, document: Document) -> ET.Element:
    root = ET.Element(f"{operation.name}Response", xmlns=_namespace(operation))
    shape = operation.output_shape
    if shape is not None:
        root.extend(_written(shape, shape.serialization.get("resultWrapper", "Result"), document))
    ET.SubElement(ET.SubElement(root, "ResponseMetadata"), "RequestId").text = _REQUEST_ID
    return root


# --- answers ---------------------------------------------------------------------------------------


def _xml(status: int, root: ET.Element, headers: Mapping[str, str] | None = None) -> Response:
    raw = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(status=status, headers={"Content-Type": "text/xml", **(headers or {})}, body=raw)


def _json(status: int, document: Document) -> Response:
    kind = {"Content-Type": "application/x-amz-json-1.0"}
    return Response(status=status, headers=kind, body=json.dumps(document).encode())


def _cbor(status: int, document: Document) -> Response:
    kind = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return Response(status=status, headers=kind, body=cbor.encode(document))
