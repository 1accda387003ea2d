from services.user.domain.addresses import fingerprint, normalise


def test_case_and_blanks_make_no_other_address() -> None:
    assert normalise(" Ada@Example.ORG ") == "ada@example.org"


def test_normalising_twice_changes_nothing() -> None:
    once = normalise("ADA+gym@Example.org\n")
    assert normalise(once) == once


def test_fingerprints_differ_and_hide_the_address() -> None:
    assert fingerprint("ada@example.org") != fingerprint("bob@example.org")
    assert b"ada" not in fingerprint("ada@example.org")
    assert len(fingerprint("ada@example.org")) == 32
