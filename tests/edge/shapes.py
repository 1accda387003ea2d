"""What every error looks like from outside."""

import httpx

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
REQUEST_INFO = "type.googleapis.com/google.rpc.RequestInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def assert_error(answer: httpx.Response, status: int, code: int, reason: str) -> dict[str, str]:
    """The answer is an error of the edge's own; returns its details by type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["code"] == code
    assert body["message"]
    details = {each.pop("@type"): each for each in body["details"]}
    assert details[ERROR_INFO] == {"reason": reason, "domain": "fitnesshub.dev"}
    assert details[REQUEST_INFO]["requestId"] == answer.headers.get("x-request-id")
    return details
