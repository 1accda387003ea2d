import pytest

from chassis.call import Call
from chassis.conditional import is_unchanged, strong_etag

ETAG = strong_etag(b"content")


def test_an_etag_depends_on_the_content_and_has_quotes() -> None:
    assert strong_etag(b"Content") != ETAG
    assert ETAG[0] == ETAG[-1] == '"'
    assert len(ETAG) == 26


@pytest.mark.parametrize("sent", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', "*", f"  {ETAG}  "])
def test_who_has_it_already_gets_an_empty_304(sent: str) -> None:
    call = Call("/x", metadata={"if-none-match": sent})
    assert is_unchanged(call, ETAG)
    assert call.response_metadata == {"etag": ETAG, "x-http-code": "304"}


@pytest.mark.parametrize("sent", ["", '"other"', ETAG.strip('"'), f"w/{ETAG}", f'"{ETAG}"'])
def test_others_get_the_content_with_its_etag(sent: str) -> None:
    call = Call("/x", metadata={"if-none-match": sent})
    assert not is_unchanged(call, ETAG)
    assert call.response_metadata == {"etag": ETAG}
