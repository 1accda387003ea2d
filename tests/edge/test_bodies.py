"""JSON bodies: what the edge takes means what protobuf's own reader makes of it, and the rest is refused in words.

On the contract of `kinds.py`, which has a field of every kind.
"""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from google.protobuf.json_format import ParseError

from tests.edge import kinds
from tests.edge.kinds import PATCH, PUT
from tests.edge.paths import CREATE_WORKOUT, UPDATE_WORKOUT
from tests.edge.shapes import assert_error, violations
from tests.edge.world import World

GOOD = [
    "{}",
    ' \t\r\n{ "text" : "a" , "flag" : true }\n',
    '{"text": "Übung \\u00fc \\ud83d\\ude00 \\" \\\\ \\/ \\b\\f\\n\\r\\t"}',
    '{"te\\u0078t": "the name is escaped"}',
    '{"data": ""}',
    '{"data": "AQI="}',
    '{"data": "AQI"}',
    '{"data": "-_8"}',
    '{"data": "+\\/8="}',
    '{"flag": false}',
    '{"smallNumber": -2147483648, "smallCount": 4294967295, "s32": "12"}',
    '{"small_number": 2147483647, "smallCount": "0"}',
    '{"smallNumber": 5.0}',
    '{"smallNumber": 1e3, "bigNumber": 5e2}',
    '{"smallNumber": -0}',
    '{"bigNumber": "-9223372036854775808", "bigCount": "18446744073709551615", "f64": 9007199254740993}',
    '{"bigNumber": 9223372036854775807}',
    '{"single": 1.5, "real": -1.5e-3}',
    '{"single": "NaN", "real": "-Infinity"}',
    '{"real": "2.5E+3"}',
    '{"real": 0}',
    '{"colour": "COLOUR_RED"}',
    '{"colour": 2}',
    '{"colour": 99}',
    '{"atTime": "2026-11-23T17:00:00Z"}',
    '{"atTime": "2024-02-29T17:00:00.123456789+05:30"}',
    '{"atTime": "0001-01-01T00:00:00Z"}',
    '{"atTime": "9999-12-31T23:59:59.999Z"}',
    '{"longTime": "90s"}',
    '{"longTime": "-1.5s"}',
    '{"longTime": "315576000000s"}',
    '{"mask": "text,smallNumber"}',
    '{"mask": ""}',
    '{"object": {"a": [1, {"b": null}], "c": true, "": "x", "unknown_name": -1.5e3}}',
    '{"value": null}',
    '{"value": [1, "a", {}]}',
    '{"values": [null, 1, "a", {"a": []}]}',
    '{"listed": [null, []]}',
    '{"maybeText": "", "maybeNumber": "5", "maybeFlag": false}',
    '{"inner": {"inner": {"inners": [{}, {"text": "a"}]}}}',
    '{"texts": [], "colours": ["COLOUR_RED", 2]}',
    '{"counts": {"a b": 1, "": -1}, "names": {"-5": "x", "0": ""}, "sides": {"true": {"text": "a"}, "false": {}}}',
    '{"chosen": ""}',
    '{"targetNumber": 5}',
    '{"targetText": null, "targetKinds": {}}',
    '{"@odd": 3}',
    '{"odd": 3}',
    json.dumps(dict.fromkeys(["text", "flag", "smallNumber", "atTime", "object", "inner", "texts", "counts"])),
]


@pytest.mark.parametrize("body", GOOD)
async def test_what_is_taken_means_what_protobuf_reads(place: World, rest: httpx.AsyncClient, body: str) -> None:
    answer = await rest.post("/kinds", content=body)
    assert answer.status_code == 200, answer.text
    taken, wanted = place.backend.last(PUT).request, kinds.message("Kinds", body)
    # As bytes: NaN isn't equal to itself.
    assert kinds.parsed("Kinds", taken).SerializeToString(deterministic=True) == wanted.SerializeToString(
        deterministic=True
    )


INT32 = "must be a whole number from -2147483648 to 2147483647"
UINT32 = "must be a whole number from 0 to 4294967295"
INT64 = "must be a whole number from -9223372036854775808 to 9223372036854775807"
UINT64 = "must be a whole number from 0 to 18446744073709551615"
COLOUR = "must be one of COLOUR_RED, COLOUR_BLUE"
TIME = "must be a time as 2026-11-23T17:00:00Z"
SPAN = "must be a duration in seconds as 90s or 1.5s"
BASE64 = "must be base64 in a string"
UNKNOWN = "isn't a field of this object"
ONE = "only one of targetText, targetNumber, targetKinds may be given"
BAD: list[tuple[str, dict[str, str]]] = [
    ('{"nope": 1}', {"nope": UNKNOWN}),
    ('{"Text": "a"}', {"Text": UNKNOWN}),
    ('{"no\\u0070e": {"a": [1]}}', {"nope": UNKNOWN}),
    ('{"größe": 1}', {"größe": UNKNOWN}),
    (json.dumps({"n" * 100: 1}), {"n" * 64 + "…": UNKNOWN}),
    ('{"inners": [{}, {"inner": {"nope": 1}}]}', {"inners[1].inner.nope": UNKNOWN}),
    ('{"text": "a", "text": "b"}', {"text": "is given twice"}),
    ('{"smallNumber": 1, "small_number": 1}', {"smallNumber": "is given twice"}),
    ('{"inner": {"text": "a"}, "inner": {}}', {"inner": "is given twice"}),
    ('{"inners": [{"text": "a", "inners": [{"text": "b"}], "text": "c"}]}', {"inners[0].text": "is given twice"}),
    ('{"text": 5}', {"text": "must be a string"}),
    ('{"text": {"a": [1]}}', {"text": "must be a string"}),
    ('{"flag": "true"}', {"flag": "must be true or false"}),
    ('{"flag": 1}', {"flag": "must be true or false"}),
    ('{"smallNumber": 2147483648}', {"smallNumber": INT32}),
    ('{"smallNumber": -2147483649}', {"smallNumber": INT32}),
    ('{"smallNumber": 1.5}', {"smallNumber": INT32}),
    ('{"smallNumber": "1.0"}', {"smallNumber": INT32}),
    ('{"smallNumber": "a"}', {"smallNumber": INT32}),
    ('{"smallNumber": ""}', {"smallNumber": INT32}),
    ('{"smallNumber": " 5"}', {"smallNumber": INT32}),
    ('{"smallNumber": "007"}', {"smallNumber": INT32}),
    ('{"smallNumber": true}', {"smallNumber": INT32}),
    ('{"smallNumber": [1]}', {"smallNumber": INT32}),
    ('{"smallCount": -1}', {"smallCount": UINT32}),
    ('{"small_count": 4294967296}', {"smallCount": UINT32}),
    ('{"bigNumber": "9223372036854775808"}', {"bigNumber": INT64}),
    ('{"bigNumber": -9223372036854775809}', {"bigNumber": INT64}),
    ('{"bigNumber": 1e19}', {"bigNumber": INT64}),
    ('{"bigNumber": 0.5}', {"bigNumber": INT64}),
    ('{"bigCount": "-1"}', {"bigCount": UINT64}),
    ('{"bigCount": 18446744073709551616}', {"bigCount": UINT64}),
    ('{"real": "a"}', {"real": "must be a number"}),
    ('{"real": "nan"}', {"real": "must be a number"}),
    ('{"real": "0x10"}', {"real": "must be a number"}),
    ('{"real": "1."}', {"real": "must be a number"}),
    ('{"real": true}', {"real": "must be a number"}),
    ('{"real": 1e999}', {"real": "must be a number of a smaller magnitude"}),
    ('{"single": -3.5e38}', {"single": "must be a number of a smaller magnitude"}),
    ('{"colour": "GREEN"}', {"colour": COLOUR}),
    ('{"colour": "colour_red"}', {"colour": COLOUR}),
    ('{"colour": "1"}', {"colour": COLOUR}),
    ('{"colour": 1.5}', {"colour": COLOUR}),
    ('{"colour": true}', {"colour": COLOUR}),
    ('{"colours": ["COLOUR_RED", "RED", null]}', {"colours[1]": COLOUR, "colours[2]": "must not be null"}),
    ('{"data": "A"}', {"data": BASE64}),
    ('{"data": "AQI=="}', {"data": BASE64}),
    ('{"data": "A QI"}', {"data": BASE64}),
    ('{"data": "+_8="}', {"data": BASE64}),
    ('{"data": 5}', {"data": BASE64}),
    *(
        (json.dumps({"atTime": text}), {"atTime": TIME})
        for text in (
            "",
            "now",
            "2026-11-23",
            "2026-11-23T17:00:00",
            "2026-11-23 17:00:00Z",
            "2026-11-23t17:00:00z",
            "2026-02-29T17:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T23:60:00Z",
            "2026-01-01T23:59:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+24:00",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            1764000000,
            {"seconds": 5},
        )
    ),
    *(
        (json.dumps({"longTime": text}), {"longTime": SPAN})
        for text in ("", "5", "5m", "1.s", ".5s", "315576000001s", 5)
    ),
    ('{"mask": ["text"]}', {"mask": "must be field paths separated by commas"}),
    ('{"mask": "a b"}', {"mask": "must be field paths separated by commas"}),
    ('{"object": []}', {"object": "must be an object"}),
    ('{"listed": {}}', {"listed": "must be a list"}),
    ('{"maybeNumber": {"value": 5}}', {"maybeNumber": INT64}),
    ('{"inner": []}', {"inner": "must be an object"}),
    ('{"inner": "a"}', {"inner": "must be an object"}),
    ('{"inners": {}}', {"inners": "must be a list"}),
    ('{"inners": [null]}', {"inners[0]": "must not be null"}),
    ('{"inners": [[{}]]}', {"inners[0]": "must be an object"}),
    ('{"texts": "a"}', {"texts": "must be a list"}),
    ('{"counts": []}', {"counts": "must be an object"}),
    ('{"counts": {"a": "x", "b": null, "a": 1}}', {'counts["a"]': "is given twice", 'counts["b"]': "must not be null"}),
    ('{"counts": {"\\"\\n": "x"}}', {'counts["\\u0022\\u000a"]': INT32}),
    ('{"names": {"a": "x"}}', {'names["a"]': f"the key {INT32}"}),
    ('{"sides": {"yes": {}}}', {'sides["yes"]': "the key must be true or false"}),
    ('{"sides": {"true": {"nope": 1}}}', {'sides["true"].nope': UNKNOWN}),
    ('{"targetText": "a", "targetNumber": 1}', {"targetNumber": ONE}),
    (
        '{"text": 1, "inner": {"flag": 2, "texts": ["a", 3]}, "nope": 4}',
        {
            "text": "must be a string",
            "inner.flag": "must be true or false",
            "inner.texts[1]": "must be a string",
            "nope": UNKNOWN,
        },
    ),
]


@pytest.mark.parametrize(("body", "expected"), BAD)
async def test_what_no_field_holds_is_named(
    place: World, rest: httpx.AsyncClient, body: str, expected: dict[str, str]
) -> None:
    found = violations(await rest.post("/kinds", content=body))
    assert found == expected
    assert not place.backend.count(PUT)


DEEP = '{"inner":' * 70 + "{}" + "}" * 70
BROKEN = [
    ("{", "line 1, column 2: wanted a name in double quotes"),
    ('{"text"', "line 1, column 8: wanted a colon"),
    ('{"text":', "line 1, column 9: wanted a value"),
    ('{"text": "a', "line 1, column 12: wanted a closing quote"),
    ('{"text": "a"', "line 1, column 13: wanted a comma or }"),
    ('{"text": "a",}', "line 1, column 14: wanted a name in double quotes"),
    ('{"texts": ["a",]}', "line 1, column 16: wanted a value"),
    ('{"texts": ["a"}', "line 1, column 15: wanted a comma or ]"),
    ("{'text': 'a'}", "line 1, column 2: wanted a name in double quotes"),
    ('{\n  "flag": true,\n  "größe" 1}', "line 3, column 11: wanted a colon"),
    ('{"flag": tru}', "line 1, column 10: wanted a value"),
    ('{"flag": nul}', "line 1, column 10: wanted a value"),
    ('{"real": .5}', "line 1, column 10: wanted a value"),
    ('{"real": 1.}', "line 1, column 10: wanted digits after the decimal point"),
    ('{"real": 1e}', "line 1, column 10: wanted digits in the exponent"),
    ('{"real": 01}', "line 1, column 10: wanted a number without leading zeros"),
    ('{"real": NaN}', "line 1, column 10: wanted a value"),
    ('{"real": +1}', "line 1, column 10: wanted a value"),
    ('{"text": "\\x"}', "line 1, column 11: wanted a valid escape sequence"),
    ('{"text": "\\u12g4"}', "line 1, column 11: wanted a valid escape sequence"),
    ('{"text": "\\ud800"}', "line 1, column 11: wanted both halves of a surrogate pair"),
    ('{"text": "\\udc00"}', "line 1, column 11: wanted both halves of a surrogate pair"),
    ('{"text": "a\tb"}', "line 1, column 12: wanted control characters in strings to be escaped"),
    ('{"text": "a"} x', "line 1, column 15: wanted nothing after the body's value"),
    ('{"text": "a"}{}', "line 1, column 14: wanted nothing after the body's value"),
    ('{"text": "a" /* why */}', "line 1, column 14: wanted a comma or }"),
    ('{"object": {"a": 1, "a": 2}}', "line 1, column 21: wanted each name once in an object"),
    ('{"object": ' + '{"a":' * 70 + "1" + "}" * 70 + "}", "wanted at most 64 levels of nesting"),
    (DEEP, "wanted at most 64 levels of nesting"),
    ('{"nope": ' + "[" * 70 + "]" * 70 + "}", "wanted at most 64 levels of nesting"),
]


@pytest.mark.parametrize(("body", "words"), BROKEN)
async def test_what_is_no_json_is_told_where(place: World, rest: httpx.AsyncClient, body: str, words: str) -> None:
    answer = await rest.post("/kinds", content=body)
    assert_error(answer, 400, 3, "MALFORMED_REQUEST")
    assert answer.json()["message"].startswith("the body isn't valid JSON: ")
    assert answer.json()["message"].endswith(words)
    assert not place.backend.count(PUT)


@pytest.mark.parametrize("body", ["null", "[]", "5", '"a"', " ", "\ufeff{}"])
async def test_a_body_is_an_object(place: World, rest: httpx.AsyncClient, body: str) -> None:
    answer = await rest.post("/kinds", content=body)
    assert_error(answer, 400, 3, "MALFORMED_REQUEST")
    assert answer.json()["message"] == "the body must be an object"
    assert not place.backend.count(PUT)


@pytest.mark.parametrize(
    "body", [b'{"text": "\xff"}', b'{"\xff": 1}', b'{"text": "\xed\xa0\x80"}', b'{"object": {"\xc0\x80": 1}}']
)
async def test_text_is_utf_8(place: World, rest: httpx.AsyncClient, body: bytes) -> None:
    """What the edge lets through here can be read by no service: its reader of messages refuses it."""
    answer = await rest.post("/kinds", content=body)
    if answer.status_code == 400:
        assert answer.json()["code"] == 3
        return
    with pytest.raises(Exception, match="UTF-8"):
        kinds.parsed("Kinds", place.backend.last(PUT).request)


@pytest.mark.parametrize(("number", "words"), [(20, "20"), (21, "more than 20"), (9999, "more than 20")])
async def test_twenty_violations_are_listed(rest: httpx.AsyncClient, number: int, words: str) -> None:
    answer = await rest.post("/kinds", json={f"n{each}": 1 for each in range(number)})
    assert list(violations(answer)) == [f"n{each}" for each in range(20)]
    assert answer.json()["message"] == f"the body has {words} wrong field(s)"
    answer = await rest.get("/kinds", params={f"n{each}": 1 for each in range(number // 5)})
    assert list(violations(answer)) == [f"n{each}" for each in range(min(20, number // 5))]


NULL = "must not be null: to clear a field, name it in the parameter updateMask"


async def test_a_change_to_null_is_refused_unless_a_mask_says_what_changes(world: World) -> None:
    world.backend.answers(UPDATE_WORKOUT, b"")
    world.backend.answers(CREATE_WORKOUT, b"")
    path = "/api/v1/workouts/0198f0de-3333-7abc-8def-0123456789ab"
    body = {"notes": None, "sets": [{"reps": None}]}
    async with world.caller() as caller:
        for refused in (path, f"{path}?workoutId=updateMask", f"{path}?workoutId=1"):
            assert violations(await caller.patch(refused, json=body)) == {"notes": NULL}
        assert not world.backend.count(UPDATE_WORKOUT)
        for taken in (f"{path}?updateMask=notes", f"{path}?update%4dask=notes", f"{path}?update_mask=notes,endTime"):
            assert (await caller.patch(taken, json=body)).status_code == 200
        assert (await caller.patch(path, json={"sets": [{"reps": None}]})).status_code == 200
        assert (await caller.post("/api/v1/workouts", json=body)).is_success
        assert violations(await caller.patch(path, json={"sets": [{"reps": 1}], "notes": None})) == {"notes": NULL}


async def test_an_empty_body_is_an_empty_request(place: World, rest: httpx.AsyncClient) -> None:
    assert (await rest.post("/kinds", content=b"")).status_code == 200
    assert place.backend.last(PUT).request == b""


async def test_the_body_of_a_field_is_spoken_of_as_written(rest: httpx.AsyncClient, place: World) -> None:
    assert violations(await rest.patch("/kinds/k1", json={"inner": {"flag": 1}})) == {
        "inner.flag": "must be true or false"
    }
    assert violations(await rest.patch("/kinds/k1", json={"kinds": {}})) == {"kinds": UNKNOWN}
    assert (await rest.patch("/kinds/k1?dryRun=true", json={"text": "a"})).status_code == 200
    request = kinds.parsed("PatchKindsRequest", place.backend.last(PATCH).request)
    assert request == kinds.message("PatchKindsRequest", '{"kindsId": "k1", "dryRun": true, "kinds": {"text": "a"}}')


@pytest.mark.parametrize("name", ["kindsId", "kinds_id"])
async def test_what_the_path_gives_is_no_field_of_the_body(rest: httpx.AsyncClient, name: str) -> None:
    answer = await rest.post("/kinds/k1:replace", json={name: "k2", "dryRun": True})
    assert violations(answer) == {"kindsId": "is given by the path"}


async def test_a_call_without_a_body_takes_none(rest: httpx.AsyncClient, place: World) -> None:
    path = "/kinds/k1/parts/p1:touch"
    assert violations(await rest.post(path, json={"dryRun": True})) == {
        "dryRun": "isn't known: this call takes no body"
    }
    for content in (b"", b"{}"):
        assert (await rest.post(path, content=content)).status_code == 200
    assert place.backend.count(PATCH) == 2


CASES: list[tuple[dict[str, str], int]] = [
    ({"content-type": "application/json"}, 200),
    ({"content-type": "application/json; charset=utf-8"}, 200),
    ({"content-type": 'Application/JSON;Charset="UTF-8"'}, 200),
    ({"content-type": "application/merge-patch+json"}, 200),
    ({"content-type": "application/json", "content-encoding": "identity"}, 200),
    ({"content-type": ""}, 415),
    ({"content-type": "text/plain"}, 415),
    ({"content-type": "text/json"}, 415),
    ({"content-type": "application/jsonp"}, 415),
    ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ({"content-type": "application/json; charset=latin-1"}, 415),
    ({"content-type": "application/grpcjson"}, 415),
    ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
]


@pytest.mark.parametrize(("headers", "status"), CASES)
@pytest.mark.parametrize("chunked", [False, True])
async def test_the_content_type_must_be_json(
    rest: httpx.AsyncClient, headers: dict[str, str], status: int, chunked: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        yield b"}"

    answer = await rest.post("/kinds", content=pieces() if chunked else b"{}", headers=headers)
    if status == 200:
        assert answer.status_code == 200, answer.text
        return
    accepted = "identity" if "content-encoding" in headers else "application/json"
    assert_error(answer, 415, 3, "UNSUPPORTED_MEDIA_TYPE", accepted=accepted)


STRICTER = {
    *('{"smallNumber": 1, "small_number": 1}', '{"inner": []}', DEEP),
    *('{"smallNumber": "1.0"}', '{"smallNumber": "007"}', '{"real": "1."}', '{"real": true}'),
    *('{"colour": "1"}', '{"colour": 1.5}', '{"colour": true}'),
    *('{"data": "AQI=="}', '{"data": "A QI"}', '{"data": "+_8="}', '{"mask": "a b"}'),
    *('{"atTime": "2026-01-01T00:00:00.Z"}', '{"atTime": "2026-01-01T00:00:00+24:00"}', '{"longTime": "1.s"}'),
}
"""What the edge refuses and protobuf's reader in Python takes."""


def test_no_refusal_is_a_slip(place: World) -> None:
    """What the tables above refuse is refused by protobuf's own reader too, but for what is meant to be stricter."""
    assert place.log.exists()
    taken = set()
    for body in [*(body for body, _ in BAD), *(body for body, _ in BROKEN)]:
        try:
            kinds.message("Kinds", body)
        except ParseError:
            continue
        taken.add(body)
    assert taken == STRICTER
