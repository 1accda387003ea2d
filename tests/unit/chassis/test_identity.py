"""Access tokens and service tokens: what proves who calls, and everything that doesn't."""

import base64
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import identity
from chassis.call import Identity
from chassis.clock import FixedClock
from chassis.errors import Unauthenticated
from chassis.identity import AccessTokens, ServiceTokens, ServiceTokenSource
from chassis.tokens import (
    load_private_key,
    make_secrets,
    public_jwk,
    read_public_keys,
    sign_access_token,
    sign_service_token,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ISSUER = "http://localhost:8080/auth/v1"
USER = "018f3c9e-7b1a-7c3e-9d2f-0123456789ab"
SESSION = "018f3c9e-7b1a-7c3e-9d2f-0123456789ac"
SECONDS = int(NOW.timestamp())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("secrets")
    make_secrets(made, ["user", "workout"])
    return made


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def tokens(folder: Path, clock: FixedClock) -> AccessTokens:
    return AccessTokens(folder / "access-token-keys.json", ISSUER, clock)


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good access token; a change to None leaves one out."""
    all_claims = {
        "iss": ISSUER,
        "aud": "authenticated",
        "sub": USER,
        "exp": SECONDS + 3600,
        "iat": SECONDS,
        "email": "ada@example.org",
        "role": "authenticated",
        "session_id": SESSION,
        "app_metadata": {"provider": "email", "roles": ["member", "admin"]},
        "user_metadata": {"roles": ["service"], "app_metadata": {"roles": ["service"]}},
        **changed,
    }
    return {name: value for name, value in all_claims.items() if value is not None}


def refusal(verify: Callable[[str], object], token: str) -> str:
    """What is said of a token that must be refused, without any of it."""
    with pytest.raises(Unauthenticated) as caught:
        verify(token)
    assert caught.value.reason == "UNAUTHENTICATED"
    assert caught.value.metadata == {}
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for part in token.split("."):
        assert len(part) < 30 or part not in str(caught.value)  # shorter ones may be words of ours
    return caught.value.message


def encoded(content: Any) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TestAccessTokens:
    def sign(self, folder: Path, **changed: Any) -> str:
        return sign_access_token(folder / "access-token.pem", claims(**changed))

    def test_a_good_one(self, tokens: AccessTokens, folder: Path) -> None:
        token = self.sign(folder)
        assert tokens.verify(token) == Identity(
            user_id=USER,
            session_id=SESSION,
            roles=frozenset({"member", "admin"}),
            email="ada@example.org",
            expires_at=SECONDS + 3600.0,
            token=token,
        )

    @pytest.mark.parametrize(
        ("app_metadata", "roles"),
        [
            (None, set()),
            ({}, set()),
            ({"roles": []}, set()),
            ({"roles": "admin"}, set()),
            ({"roles": {"admin": True}}, set()),
            ({"roles": ["member", 1, None, ["admin"]]}, {"member"}),
            ("admin", set()),
            (["admin"], set()),
        ],
    )
    def test_roles_come_from_a_list_in_app_metadata_only(
        self, tokens: AccessTokens, folder: Path, app_metadata: Any, roles: set[str]
    ) -> None:
        assert tokens.verify(self.sign(folder, app_metadata=app_metadata)).roles == roles

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"iss": "http://evil.example"}, "issuer"),
            ({"iss": None}, "lacks a claim"),
            ({"aud": "anon"}, "meant for somebody else"),
            ({"aud": ["authenticated", "x"]}, "meant for somebody else"),
            ({"aud": None}, "lacks a claim"),
            ({"sub": None}, "lacks a claim"),
            ({"sub": "admin"}, "names no user"),
            ({"sub": USER.upper()}, "names no user"),
            ({"session_id": None}, "names no session"),
            ({"session_id": 7}, "names no session"),
            ({"session_id": ""}, "names no session"),
            ({"exp": None}, "lacks a claim"),
            ({"iat": None}, "lacks a claim"),
            ({"exp": SECONDS - 5}, "has expired"),
            ({"exp": str(SECONDS + 60)}, "isn't a number"),
            ({"exp": True}, "isn't a number"),
            ({"exp": float("inf")}, "isn't a number"),
            ({"exp": float("nan")}, "isn't a number"),
            ({"nbf": SECONDS + 6}, "isn't valid yet"),
            ({"nbf": "soon"}, "isn't a number"),
            ({"iat": SECONDS + 6}, "isn't valid yet"),
        ],
    )
    def test_wrong_claims(self, tokens: AccessTokens, folder: Path, changed: dict[str, Any], words: str) -> None:
        assert words in refusal(tokens.verify, self.sign(folder, **changed))

    @pytest.mark.parametrize("changed", [{"exp": SECONDS - 4}, {"nbf": SECONDS + 5}, {"iat": SECONDS + 5}])
    def test_clocks_may_differ_by_five_seconds(
        self, tokens: AccessTokens, folder: Path, changed: dict[str, Any]
    ) -> None:
        assert tokens.verify(self.sign(folder, **changed)).user_id == USER

    def test_signed_with_another_key_of_the_same_name(self, tokens: AccessTokens, folder: Path) -> None:
        kid = read_public_keys(folder / "access-token-keys.json")[0]["kid"]
        forged = jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": kid})
        assert "wrong signature" in refusal(tokens.verify, forged)

    @pytest.mark.parametrize("kid", ["unknown", "", None])
    def test_signed_with_an_unknown_key(self, tokens: AccessTokens, folder: Path, kid: str | None) -> None:
        key = load_private_key(folder / "access-token.pem")
        token = jwt.encode(claims(), key, "ES256", headers={"kid": kid} if kid is not None else {})
        assert "unknown key" in refusal(tokens.verify, token)

    def test_keys_that_the_token_brings_along_are_not_used(self, tokens: AccessTokens) -> None:
        own = ec.generate_private_key(ec.SECP256R1())
        headers: dict[str, Any] = {
            "jwk": public_jwk(own.public_key(), "own"),
            "kid": "own",
            "jku": "http://evil.example",
        }
        assert "unknown key" in refusal(tokens.verify, jwt.encode(claims(), own, "ES256", headers=headers))

    def test_a_service_key_signs_no_people(self, tokens: AccessTokens, folder: Path) -> None:
        token = jwt.encode(
            claims(), load_private_key(folder / "service-workout.pem"), "ES256", headers={"kid": "workout"}
        )
        assert "unknown key" in refusal(tokens.verify, token)

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
    def test_without_a_signature(self, tokens: AccessTokens, folder: Path, algorithm: str) -> None:
        kid = read_public_keys(folder / "access-token-keys.json")[0]["kid"]
        for signature in ("", "AAAA"):
            token = f"{encoded({'alg': algorithm, 'kid': kid})}.{encoded(claims())}.{signature}"
            assert "isn't signed with ES256" in refusal(tokens.verify, token)

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    def test_the_public_key_is_no_shared_secret(self, tokens: AccessTokens, folder: Path, algorithm: str) -> None:
        path = folder / "access-token-keys.json"
        public = read_public_keys(path)[0]
        for secret in (path.read_bytes(), json.dumps(public).encode(), b"x" * 64):
            # Signed by hand: PyJWT itself refuses to use public keys as secrets.
            head = f"{encoded({'alg': algorithm, 'kid': public['kid']})}.{encoded(claims())}"
            digest = jwt.get_algorithm_by_name(algorithm).sign(head.encode(), secret.ljust(64, b" "))
            token = f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
            assert "isn't signed with ES256" in refusal(tokens.verify, token)

    @pytest.mark.parametrize(
        ("algorithm", "key"),
        [
            ("ES384", ec.generate_private_key(ec.SECP384R1())),
            ("RS256", rsa.generate_private_key(65537, 2048)),
        ],
        ids=["ES384", "RS256"],
    )
    def test_other_algorithms(self, tokens: AccessTokens, folder: Path, algorithm: str, key: Any) -> None:
        kid = read_public_keys(folder / "access-token-keys.json")[0]["kid"]
        token = jwt.encode(claims(), key, algorithm, headers={"kid": kid})
        assert "isn't signed with ES256" in refusal(tokens.verify, token)

    def test_every_changed_part(self, tokens: AccessTokens, folder: Path) -> None:
        head, body, signature = self.sign(folder).split(".")
        other = encoded(claims(app_metadata={"roles": ["service"]}))
        refusal(tokens.verify, f"{head}.{other}.{signature}")
        refusal(tokens.verify, f"{head}.{body}.{signature[:-4]}AAAA")
        refusal(tokens.verify, f"{head}.{body}.")
        refusal(tokens.verify, f"{head}.{body}")
        refusal(tokens.verify, f"{head}.{body}.{signature}.{signature}")

    @pytest.mark.parametrize(
        "token",
        ["", ".", "..", "a.b.c", "é.é.é", "\ud800", "x" * 8193, f"{'A' * 5000}.{'A' * 3000}.", "bnVsbA.bnVsbA.bnVsbA"],
    )
    def test_garbage(self, tokens: AccessTokens, token: str) -> None:
        refusal(tokens.verify, token)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(max_size=40) | st.lists(st.binary(max_size=40).map(encoded), max_size=5).map(".".join))
    def test_any_garbage(self, tokens: AccessTokens, token: str) -> None:
        refusal(tokens.verify, token)

    def test_deeply_nested_json(self, tokens: AccessTokens) -> None:
        refusal(tokens.verify, f"{encoded(b'[' * 3000)}.e30.AAAA")


class TestCache:
    def test_a_token_is_verified_once(
        self, tokens: AccessTokens, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = sign_access_token(folder / "access-token.pem", claims())
        first = tokens.verify(token)
        monkeypatch.setattr(jwt, "decode", None)
        assert tokens.verify(token) is first

    def test_a_cached_token_dies_when_it_expires(self, tokens: AccessTokens, folder: Path, clock: FixedClock) -> None:
        token = sign_access_token(folder / "access-token.pem", claims(exp=SECONDS + 60))
        tokens.verify(token)
        clock.time = NOW + timedelta(seconds=64)
        assert tokens.verify(token).user_id == USER  # the leeway holds for cached ones as well
        clock.time = NOW + timedelta(seconds=65)
        assert "expired" in refusal(tokens.verify, token)

    def test_refused_tokens_are_not_kept(self, tokens: AccessTokens, folder: Path) -> None:
        token = sign_access_token(folder / "access-token.pem", claims(aud="anon"))
        assert refusal(tokens.verify, token) == refusal(tokens.verify, token)

    def test_it_is_bounded(self, tokens: AccessTokens, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(identity, "CACHED_TOKENS", 3)
        for number in range(5):
            tokens.verify(sign_access_token(folder / "access-token.pem", claims(jti=str(number))))
        assert len(tokens._cache._entries) == 3


class TestKeyFiles:
    def test_a_new_key_is_found(self, tmp_path: Path, clock: FixedClock) -> None:
        make_secrets(tmp_path, ["user"])
        tokens = AccessTokens(tmp_path / "access-token-keys.json", ISSUER, clock)
        old = sign_access_token(tmp_path / "access-token.pem", claims())
        tokens.verify(old)
        (tmp_path / "access-token.pem").unlink()
        make_secrets(tmp_path, ["user"])
        assert tokens.verify(sign_access_token(tmp_path / "access-token.pem", claims(jti="2"))).user_id == USER
        assert tokens.verify(old).user_id == USER

    def test_a_withdrawn_key_is_refused(
        self, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_secrets(tmp_path, ["user"])
        tokens = AccessTokens(tmp_path / "access-token-keys.json", ISSUER, clock)
        token = sign_access_token(tmp_path / "access-token.pem", claims())
        tokens.verify(token)
        (tmp_path / "access-token-keys.json").write_text('{"keys": []}')
        later = time.monotonic() + 2
        monkeypatch.setattr(time, "monotonic", lambda: later)
        refusal(tokens.verify, token)

    def test_a_withdrawn_key_is_forgotten_when_an_unknown_one_is_looked_for(
        self, tmp_path: Path, clock: FixedClock
    ) -> None:
        make_secrets(tmp_path, ["user"])
        tokens = AccessTokens(tmp_path / "access-token-keys.json", ISSUER, clock)
        token = sign_access_token(tmp_path / "access-token.pem", claims())
        tokens.verify(token)
        (tmp_path / "access-token-keys.json").write_text('{"keys": []}')
        unknown = jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "other"})
        refusal(tokens.verify, unknown)
        refusal(tokens.verify, token)

    def test_the_file_is_looked_at_once_a_second_at_most(
        self, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_secrets(tmp_path, ["user"])
        tokens = AccessTokens(tmp_path / "access-token-keys.json", ISSUER, clock)
        looks: list[float] = []
        monkeypatch.setattr(tokens._keys, "_reload", lambda: looks.append(time.monotonic()))
        now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        forged = jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "other"})
        for _ in range(5):
            refusal(tokens.verify, forged)
        assert len(looks) <= 2, "once for everybody, once for the unknown key"
        now += 1
        refusal(tokens.verify, forged)
        assert len(looks) <= 4

    @pytest.mark.parametrize("content", ["{", None])
    def test_a_broken_file_leaves_the_last_keys(
        self, tmp_path: Path, clock: FixedClock, content: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_secrets(tmp_path, ["user"])
        path = tmp_path / "access-token-keys.json"
        tokens = AccessTokens(path, ISSUER, clock)
        path.unlink() if content is None else path.with_name("new").write_text(content)
        if content is not None:
            path.with_name("new").replace(path)
        forged = jwt.encode(claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "other"})
        with caplog.at_level(logging.ERROR):
            assert "unknown key" in refusal(tokens.verify, forged)
        assert "the last ones stay" in caplog.text
        assert tokens.verify(sign_access_token(tmp_path / "access-token.pem", claims())).user_id == USER

    def test_without_a_file_nothing_starts(self, tmp_path: Path, clock: FixedClock) -> None:
        with pytest.raises(FileNotFoundError):
            AccessTokens(tmp_path / "access-token-keys.json", ISSUER, clock)


class TestServiceTokens:
    @pytest.fixture
    def verifier(self, folder: Path, clock: FixedClock) -> ServiceTokens:
        return ServiceTokens(folder / "service-keys.json", clock)

    @pytest.fixture
    def source(self, folder: Path, clock: FixedClock) -> ServiceTokenSource:
        return ServiceTokenSource("workout", folder / "service-workout.pem", clock)

    def sign(self, folder: Path, **changed: Any) -> str:
        times = {"aud": "fitnesshub-mesh", "iat": SECONDS, "exp": SECONDS + 60, **changed}
        return sign_service_token(load_private_key(folder / "service-workout.pem"), "workout", times)

    def test_a_source_is_believed(self, verifier: ServiceTokens, source: ServiceTokenSource) -> None:
        assert verifier.verify(source.token()) == "workout"

    def test_the_operator_is_known(self, verifier: ServiceTokens, folder: Path, clock: FixedClock) -> None:
        assert verifier.verify(ServiceTokenSource("cli", folder / "service-cli.pem", clock).token()) == "cli"

    def test_a_token_is_used_for_half_its_life(
        self, verifier: ServiceTokens, source: ServiceTokenSource, clock: FixedClock
    ) -> None:
        first = source.token()
        clock.time = NOW + timedelta(seconds=29)
        assert source.token() == first
        clock.time = NOW + timedelta(seconds=30)
        second = source.token()
        assert second != first
        assert verifier.verify(second) == "workout"
        clock.time = NOW + timedelta(seconds=65)
        assert "expired" in refusal(verifier.verify, first)

    def test_one_service_cannot_name_itself_another(self, verifier: ServiceTokens, folder: Path) -> None:
        key = load_private_key(folder / "service-workout.pem")
        times = {"aud": "fitnesshub-mesh", "iat": SECONDS, "exp": SECONDS + 60}
        for changed in ({"iss": "user"}, {"sub": "user"}, {"iss": "user", "sub": "user"}):
            assert "another service" in refusal(verifier.verify, self.sign(folder, **changed))
        assert "wrong signature" in refusal(verifier.verify, sign_service_token(key, "user", times))

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"aud": "authenticated"}, "somebody else"),
            ({"exp": SECONDS + 61}, "more than 60 s"),
            ({"iat": SECONDS - 120, "exp": SECONDS - 60}, "expired"),
            ({"iat": SECONDS + 30, "exp": SECONDS + 90}, "isn't valid yet"),
        ],
    )
    def test_wrong_claims(self, verifier: ServiceTokens, folder: Path, changed: dict[str, Any], words: str) -> None:
        assert words in refusal(verifier.verify, self.sign(folder, **changed))

    def test_a_person_is_no_service(self, verifier: ServiceTokens, folder: Path) -> None:
        assert "unknown key" in refusal(verifier.verify, sign_access_token(folder / "access-token.pem", claims()))

    def test_a_token_is_verified_once(
        self, verifier: ServiceTokens, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = self.sign(folder)
        verifier.verify(token)
        monkeypatch.setattr(jwt, "decode", None)
        assert verifier.verify(token) == "workout"
