"""Log lines: their shape, their labels, and what must never be in them."""

import asyncio
import io
import json
import logging
import math
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fitnesshub.user.v1.user_pb2 import User
from hypothesis import given
from hypothesis import strategies as st

from chassis.telemetry import context, logs
from chassis.telemetry.logs import MAX_TEXT, REDACTED, JsonFormatter, redact

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("mesh"))
    logger = logging.getLogger("test.logs")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)


log = logging.getLogger("test.logs")


def only(output: io.StringIO) -> dict[str, Any]:
    """The one line that was written."""
    line, end = output.getvalue().split("\n")
    assert end == ""
    return json.loads(line)  # type: ignore[no-any-return]


class TestShape:
    def test_a_plain_line(self, output: io.StringIO) -> None:
        log.info("served %d calls in %s", 3, "time")
        line = only(output)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
        assert line == {
            "level": "INFO", "service": "mesh", "logger": "test.logs", "message": "served 3 calls in time"
        }  # fmt: skip

    def test_labels_of_the_work_in_progress(self, output: io.StringIO) -> None:
        token = context.bind("workout", "request-1", f"00-{TRACE}-{SPAN}-01")
        log.info("x")
        context.unbind(token)
        line = only(output)
        assert (line["service"], line["request_id"], line["trace_id"], line["span_id"]) == (
            "workout", "request-1", TRACE, SPAN
        )  # fmt: skip
        log.info("y")
        after = json.loads(output.getvalue().splitlines()[1])
        assert (after["service"], after.keys() & {"request_id", "trace_id", "span_id"}) == ("mesh", set())

    async def test_tasks_keep_their_own_labels(self, output: io.StringIO) -> None:
        async def work(number: int) -> None:
            context.bind("workout", f"request-{number}")
            await asyncio.sleep(0)
            log.info("%d", number)

        await asyncio.gather(*(work(number) for number in range(3)))
        lines = [json.loads(line) for line in output.getvalue().splitlines()]
        assert {(line["message"], line["request_id"]) for line in lines} == {(str(n), f"request-{n}") for n in range(3)}

    def test_extras(self, output: io.StringIO) -> None:
        extra = {
            "count": 3,
            "ratio": 0.5,
            "ok": True,
            "none": None,
            "list": [1, "a"],
            "map": {"k": {"l": "v"}},
            "nan": math.nan,
        }
        log.info("x", extra=extra)
        line = only(output)
        assert {key: line[key] for key in extra} == {**extra, "nan": "nan"}

    def test_extras_cannot_replace_our_fields(self, output: io.StringIO) -> None:
        log.info("x", extra={"level": "low", "time": "noon", "service": "other"})
        assert (only(output)["level"], only(output)["service"]) == ("INFO", "mesh")

    def test_an_exception_is_one_string(self, output: io.StringIO) -> None:
        try:
            raise ValueError("bad\nvalue")
        except ValueError:
            log.exception("failed")
        exception = only(output)["exception"]
        assert exception.startswith("Traceback")
        assert exception.endswith("ValueError: bad\nvalue")

    def test_a_wrong_format_string_loses_nothing(self) -> None:
        record = logging.makeLogRecord({"msg": "%d of %d", "args": ("x",)})
        assert json.loads(JsonFormatter("mesh").format(record))["message"] == (
            "%d of %d (can't be formatted: TypeError)"
        )

    def test_mapping_arguments_and_odd_messages(self, output: io.StringIO) -> None:
        log.info("%(a)s", {"a": 1})
        log.info(7)
        assert [json.loads(line)["message"] for line in output.getvalue().splitlines()] == ["1", "7"]

    def test_whatever_is_logged_is_one_line_of_json(self, output: io.StringIO) -> None:
        log.info("a\nb\u2028c\r\n%s", object(), extra={"o": object(), "s": {1, 2}, "b": b"\xff"})
        assert only(output)["message"].startswith("a\nb\u2028c\r\n<object")


class TestConfigure:
    def test_everything_goes_to_stderr_once(self, capsys: pytest.CaptureFixture[str]) -> None:
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        try:
            logs.configure("workout", "warning")
            logs.configure("workout", "warning")
            logging.getLogger("some.library").info("quiet")
            logging.getLogger("some.library").warning("loud")
        finally:
            root.handlers[:], root.level = before, level
            logging.captureWarnings(False)
        written = capsys.readouterr()
        assert written.out == ""
        assert [json.loads(line)["message"] for line in written.err.splitlines()] == ["loud"]
        assert json.loads(written.err)["service"] == "workout"

    def test_an_unknown_level_is_refused(self) -> None:
        with pytest.raises(ValueError, match="CHATTY"):
            logs.configure("workout", "chatty")


class TestRedaction:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (f"token {JWT} came", f"token {REDACTED} came"),
            (f"x={JWT},y", f"x={REDACTED},y"),
            (JWT.rpartition(".")[0], REDACTED),
            (f"Authorization: Bearer {JWT}", f"Authorization: Bearer {REDACTED}"),
            ("authorization: bearer abcdefgh.ijkl-mnop", f"authorization: bearer {REDACTED}"),
            ("Basic dXNlcjpwYXNzd29yZA== sent", f"Basic {REDACTED} sent"),
            ("mail to ada.l+x@sub.example.org now", f"mail to {REDACTED} now"),
            ("<ada@example.org>", f"<{REDACTED}>"),
            ('email: "ada@example.org"', f"email: {REDACTED}"),
            ('password: "correct horse battery"', f"password: {REDACTED}"),
            ("{'password': 'a b', 'n': 1}", f"{{'password': {REDACTED}, 'n': 1}}"),
            ("refresh_token=abc&x=1", f"refresh_token={REDACTED}&x=1"),
            ('"apikey":"k1","z":2', f'"apikey":{REDACTED},"z":2'),
            ("x-fitnesshub-caller: abc", f"x-fitnesshub-caller: {REDACTED}"),
            ("postgresql://user:p:w@db:5432/x", f"postgresql://user:{REDACTED}@db:5432/x"),
            ("redis://:secret@/x", f"redis://:{REDACTED}@/x"),
        ],
    )
    def test_secrets_in_text(self, text: str, shown: str) -> None:
        assert redact(text) == shown

    @pytest.mark.parametrize(
        "text",
        [
            "the access token has expired",
            "page_token=AQIDBA",
            "a basic set of rules",
            "unhandled error in /fitnesshub.workout.v1.WorkoutService/GetWorkout",
            "http://localhost:8080/auth/v1",
            "018f3c9e-7b1a-7c3e-9d2f-0123456789ab @ 12:00",
            "postgresql:///fitnesshub?host=/tmp/x",
        ],
    )
    def test_plain_text_stays(self, text: str) -> None:
        assert redact(text) == text

    def test_redacting_twice_changes_nothing(self) -> None:
        text = f"Authorization: Bearer {JWT} password=x ada@example.org redis://:pw@h"
        assert redact(redact(text)) == redact(text)

    @given(st.emails() | st.just("a_b%c@x.y.example"), st.text(" ,;()<>:", max_size=3))
    def test_any_address(self, address: str, around: str) -> None:
        assert "@" not in redact(f"{around}{address}{around}") or not re.fullmatch(r"[\w.+%'-]+@[\w.-]+", address)

    @pytest.mark.parametrize(
        "key",
        [
            *("authorization", "Authorization", "password", "new_password", "newPassword", "cookie", "Set-Cookie"),
            *("token", "access_token", "refreshToken", "refresh-token", "apikey", "api_key", "x-api-key"),
            *("email", "e-mail", "phone", "secret", "private_key", "x-fitnesshub-caller"),
        ],
    )
    def test_known_keys_at_any_depth(self, output: io.StringIO, key: str) -> None:
        log.info("x", extra={key: "hush", "outer": [{key: ["hush"]}], "kept": "loud"})
        line = only(output)
        assert (line[key], line["outer"], line["kept"]) == (REDACTED, [{key: REDACTED}], "loud")
        assert "hush" not in output.getvalue()

    def test_values_of_other_keys(self, output: io.StringIO) -> None:
        log.info("x", extra={"note": f"of ada@example.org with {JWT}", "deep": [{"a": [JWT]}]})
        assert JWT not in output.getvalue()
        assert "ada@" not in output.getvalue()

    def test_exceptions(self, output: io.StringIO) -> None:
        try:
            raise RuntimeError(f"can't greet ada@example.org: Bearer {JWT}")
        except RuntimeError:
            log.exception("failed")
        assert JWT not in output.getvalue()
        assert "ada@" not in output.getvalue()

    def test_messages_show_only_their_type(self, output: io.StringIO) -> None:
        user = User(id="u1", email="ada@example.org")
        log.info("got %s", user, extra={"user": user, "users": [user]})
        log.info(user)
        first, second = (json.loads(line) for line in output.getvalue().splitlines())
        shown = "<fitnesshub.user.v1.User>"
        assert (first["message"], first["user"], first["users"]) == (f"got {shown}", shown, [shown])
        assert second["message"] == shown

    def test_what_is_cut_shows_no_half_secret(self) -> None:
        text = "a " * (MAX_TEXT // 2 - 10) + JWT
        assert len(text) > MAX_TEXT
        assert "eyJ" not in redact(text)
        assert len(redact("x" * 100_000)) <= MAX_TEXT + 1

    def test_deep_extras_end_somewhere(self, output: io.StringIO) -> None:
        deep: dict[str, Any] = {"v": 1}
        deep["self"] = deep
        log.info("x", extra={"deep": deep})
        assert "…" in output.getvalue()

    @pytest.mark.parametrize(
        "text",
        [
            *("a" * 16_000, "eyJ" * 5_000, "a@" * 8_000, "@a." * 5_000, "a." * 8_000 + "@", "a://b:" * 2_600),
            *("token='" * 2_000, 'token="' * 2_000, "bearer " * 2_200, "token" + " " * 16_000),
        ],
    )
    def test_no_text_takes_long(self, text: str) -> None:
        started = time.perf_counter()
        redact(text)
        assert time.perf_counter() - started < 0.5  # a quadratic pattern takes seconds; these take milliseconds
