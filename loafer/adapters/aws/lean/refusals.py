"""An answer that refuses a call, as the SDK's error: what its parser makes of one, which takes a while to import."""

import json
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from loafer.adapters.aws.bounds import LARGEST_REFUSAL, REFUSAL, TOO_LARGE, Excess
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.lean.connection import Answer
from loafer.adapters.aws.zipped import is_zipped, unzipped

_OK, _MOVED, _SERVER_TROUBLE = 200, 301, 500
_QUERY_ERROR = "x-amzn-query-error"  # the code that the service had in its former protocol, and whose fault it is


def refusal_in(answer: Answer, operation: str) -> ClientError | None:
    """Return the error that an answer to an operation (`ReceiveMessage`) is; None where it is none.

    Raises:
        UnreadableAnswer: it is one that cannot be read.

    """
    if answer.status < REFUSAL:
        return None
    try:
        return ClientError(_response_of(answer), operation)
    except Excess as error:
        raise UnreadableAnswer(f"the answer, of status {answer.status}, is larger than an error of SQS") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableAnswer(f"the answer, of status {answer.status}, cannot be read") from error


def _response_of(answer: Answer) -> Any:
    headers, body = answer.headers, _body_of(answer)
    metadata: dict[str, Any] = {"HTTPStatusCode": answer.status, "HTTPHeaders": headers}
    if "x-amzn-requestid" in headers:
        metadata["RequestId"] = headers["x-amzn-requestid"]
    if answer.status < _MOVED:
        return {"ResponseMetadata": metadata}
    if answer.status >= _SERVER_TROUBLE and (not body.strip() or body.strip().startswith(b"<html>")):
        metadata.pop("RequestId", None)
        return {"Error": _said_by_nobody(answer.status), "ResponseMetadata": metadata}
    return {"Error": _said(_object_in(body), headers, str(answer.status)), "ResponseMetadata": metadata}


def _body_of(answer: Answer) -> bytes:
    body = bytes(answer.body)
    if len(body) > LARGEST_REFUSAL:
        raise Excess(TOO_LARGE)
    return unzipped(body, LARGEST_REFUSAL) if is_zipped(body) else body


def _said_by_nobody(status: int) -> dict[str, Any]:
    phrases = {each.value: each.phrase for each in HTTPStatus}
    return {"Code": str(status), "Message": phrases.get(status, "")}


def _object_in(body: bytes) -> Any:
    text = body.decode()
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {"message": text}


def _said(read: Any, headers: dict[str, str], status: str) -> dict[str, Any]:
    """Return what a refusal says: its code without the names before and the address behind it."""
    said = {"Message": read.get("message", read.get("Message", "")), "Code": ""}
    code = read.get("__type", status)
    if code is None:
        return said
    code = code.split(":", 1)[0].rsplit("#", 1)[-1]
    former = headers.get(_QUERY_ERROR, "").split(";")
    if len(former) == 2 and former[0]:  # noqa: PLR2004 - a code and whose fault it is
        return {**said, "Code": former[0], "QueryErrorCode": code, "Type": former[1]}
    return {**said, "Code": code}
