"""Well-known string forms and free JSON."""

import math
import string
import uuid
from typing import Any

import pytest
from fitnesshub.options.v1 import rules_pb2
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from chassis import clock
from chassis.formats import (
    FORMATS,
    MAX_DEPTH,
    MAX_VALUES,
    NUL_PROBLEM,
    is_email,
    is_uri,
    is_uuid,
    json_problem,
)


@given(st.uuids())
def test_every_uuid_in_canonical_form(value: uuid.UUID) -> None:
    assert is_uuid(str(value))
    assert not is_uuid(value.hex)
    assert not is_uuid(f"{{{value}}}")
    assert not is_uuid(f"{value}\n")


@given(st.text(alphabet="0123456789abcdefABCDEF-{}uidrn: ", max_size=40) | st.uuids().map(str).map(str.swapcase))
def test_uuids_are_what_the_clock_module_says(text: str) -> None:
    assert bool(is_uuid(text)) == clock.is_uuid(text)


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
ATOM = st.text(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=10)


@given(st.lists(ATOM, min_size=1, max_size=4), st.lists(LABEL, min_size=1, max_size=4))
def test_addresses_made_by_the_rules(local: list[str], domain: list[str]) -> None:
    assert is_email(f"{'.'.join(local)}@{'.'.join(domain)}.org")


@given(st.text(max_size=60))
def test_whatever_is_taken_has_one_at_and_a_dotted_ascii_domain(text: str) -> None:
    if is_email(text):
        local, _, domain = text.rpartition("@")
        assert "@" not in local
        assert domain.isascii()
        assert "." in domain


@pytest.mark.parametrize(
    "text",
    [
        "a@b.cd",
        "first.last+tag@sub.example.org",
        "o'brien@example.ie",
        "a@xn--bcher-kva.example",
        "a@1.example",
        f"{'a' * 64}@example.org",
        f"a@{'b' * 63}.org",
    ],
)
def test_addresses(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@b",
        "@example.org",
        "a@",
        "a@.org",
        "a@example.",
        "a@example..org",
        ".a@example.org",
        "a.@example.org",
        "a..b@example.org",
        "a b@example.org",
        "a@exa mple.org",
        "a@-example.org",
        "a@example-.org",
        "a@example.123",
        "a@[127.0.0.1]",
        '"a b"@example.org',
        "a@b@example.org",
        "a@example.org\n",
        "a@example.org\0",
        "ä@example.org",
        "a@exämple.org",
        f"{'a' * 65}@example.org",
        f"a@{'b' * 64}.org",
        f"a@{'b.' * 130}org",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert not is_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://example.org",
        "HTTPS://EXAMPLE.ORG/",
        "https://example.org:8443/a/b;c=1?q=%20&r=/?#top",
        "http://localhost:3000",
        "http://127.0.0.1/",
        "http://[2001:db8::1]:80/x",
        "https://example.org/%E2%82%AC",
    ],
)
def test_uris(text: str) -> None:
    assert is_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "//example.org",
        "/path",
        "ftp://example.org",
        "javascript:alert(1)",
        "http:",
        "http://",
        "http:///path",
        "http://user:secret@example.org",
        "http://example.org:99999",
        "http://[::g]/",
        "http://[1.2.3.4]/",
        "http://example.org/a b",
        "http://example.org/%zz",
        "http://example.org/\n",
        "http://example.org/<script>",
        "http://exämple.org",
    ],
)
def test_what_is_no_http_uri(text: str) -> None:
    assert not is_uri(text)


def test_time_zones() -> None:
    is_zone = FORMATS[rules_pb2.FORMAT_TIME_ZONE][0]()
    assert all(map(is_zone, ("Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Asia/Kathmandu")))
    wrong = ("", "europe/berlin", "Berlin", "../etc/passwd", "localtime", "Factory", "Europe", "GMT+25", "posixrules")
    assert not any(map(is_zone, wrong))


def test_languages() -> None:
    is_language = FORMATS[rules_pb2.FORMAT_LANGUAGE][0]()
    assert all(map(is_language, ("de", "pt-BR", "zh-Hant-TW", "es-419", "haw")))
    wrong = ("", "DE", "de_DE", "german", "d", "de-", "de-de", "zh-hant", "de-1997x", "x-klingon", "de\n")
    assert not any(map(is_language, wrong))


def test_dates() -> None:
    is_day = FORMATS[rules_pb2.FORMAT_DATE][0]()
    assert all(map(is_day, ("1990-02-28", "2024-02-29", "0001-01-01", "9999-12-31")))
    wrong = ("", "1990-2-28", "19900228", "2023-02-29", "0000-01-01", "1990-13-01", "1990-W01-1", "1990-01-01T00:00")
    assert not any(map(is_day, wrong))


def test_every_format_of_the_contract_has_a_test() -> None:
    assert set(FORMATS) == set(rules_pb2.Format.values()) - {rules_pb2.FORMAT_UNSPECIFIED}


class TestFreeJson:
    def struct(self, content: dict[str, Any]) -> Struct:
        value = Struct()
        value.update(content)
        return value

    def test_everything_json_has(self) -> None:
        content: dict[str, Any] = {"a": None, "b": True, "c": 1.5, "d": "x", "e": [1, "y", {"f": []}], "g": {}}
        assert json_problem(self.struct(content)) == ""
        assert json_problem(Value(string_value="x")) == json_problem(ListValue()) == ""

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_numbers_json_cannot_write(self, number: float) -> None:
        assert json_problem(self.struct({"a": [number]})) == "must contain finite numbers only"

    def test_nul_anywhere(self) -> None:
        assert json_problem(self.struct({"a": {"b": ["\0"]}})) == NUL_PROBLEM
        assert json_problem(self.struct({"a": {"\0": 1}})) == NUL_PROBLEM
        assert json_problem(Value(string_value="\0")) == NUL_PROBLEM

    def test_a_value_without_a_kind(self) -> None:
        assert json_problem(ListValue(values=[Value()])) == "must not contain a value without a kind"

    def test_depth(self) -> None:
        def nested(levels: int) -> Struct:
            content: dict[str, Any] = {}
            for _ in range(levels):
                content = {"a": content}
            return self.struct(content)

        assert json_problem(nested(MAX_DEPTH)) == ""
        assert json_problem(nested(MAX_DEPTH + 1)) == f"must be nested at most {MAX_DEPTH} levels deep"

    def test_size(self) -> None:
        assert json_problem(self.struct({"a": [1] * (MAX_VALUES - 1)})) == ""
        assert json_problem(self.struct({"a": [1] * MAX_VALUES})) == f"must hold at most {MAX_VALUES} values"
