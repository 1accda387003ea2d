"""What every error looks like from outside."""

from typing import Any

import httpx

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
REQUEST_INFO = "type.googleapis.com/google.rpc.RequestInfo"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def assert_error(
    answer: httpx.Response, status: int, code: int, reason: str, **metadata: str
) -> dict[str, dict[str, Any]]:
    """The answer is an error of the edge's own; returns its details by type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert not [name for name in answer.headers if name.startswith(("x-fitnesshub", "grpc-", "x-envoy-"))]
    body = answer.json()
    assert body["code"] == code
    assert body["message"]
    details = {each.pop("@type"): each for each in body["details"]}
    told = {"metadata": metadata} if metadata else {}
    assert details[ERROR_INFO] == {"reason": reason, "domain": "fitnesshub.dev", **told}
    request_id = answer.headers.get("x-request-id")
    assert details[REQUEST_INFO] == ({"requestId": request_id} if request_id else {})
    return details


def violations(answer: httpx.Response) -> dict[str, str]:
    """What is wrong with the request, by field. Fails when the answer isn't of reason INVALID_REQUEST."""
    details = assert_error(answer, 400, 3, "INVALID_REQUEST")
    return {each["field"]: each["description"] for each in details[BAD_REQUEST]["fieldViolations"]}
