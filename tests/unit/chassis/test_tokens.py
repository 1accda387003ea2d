"""Keys, key sets and the secrets folder."""

import base64
import itertools
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.tokens import (
    load_private_key,
    make_secrets,
    public_jwk,
    public_keys_by_id,
    read_public_keys,
    sign_access_token,
    sign_service_token,
    thumbprint,
)

SERVICES = ["user", "workout"]
FILES = {
    "audit-master-key",
    "access-token-keys.json",
    "access-token.pem",
    "database-owner",
    "database-user",
    "database-workout",
    "page-tokens",
    "service-cli.pem",
    "service-keys.json",
    "service-user.pem",
    "service-workout.pem",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestMakeSecrets:
    def test_everything_is_there_and_private(self, tmp_path: Path) -> None:
        folder = tmp_path / "home" / "secrets"
        make_secrets(folder, SERVICES)
        assert set(contents(folder)) == FILES
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    def test_what_is_in_the_files(self, tmp_path: Path) -> None:
        make_secrets(tmp_path, SERVICES)
        files = contents(tmp_path)
        passwords = [files[name] for name in FILES if name.startswith("database-")]
        assert len(set(passwords)) == 3
        assert all(len(each) >= 43 and each == each.strip() for each in passwords)
        assert len(base64.b64decode(files["page-tokens"], validate=True)) == 32
        services = read_public_keys(tmp_path / "service-keys.json")
        assert [key["kid"] for key in services] == ["cli", "user", "workout"]
        (access,) = read_public_keys(tmp_path / "access-token-keys.json")
        public = load_private_key(tmp_path / "access-token.pem").public_key()
        assert access == public_jwk(public, thumbprint(public))
        assert b'"d"' not in files["service-keys.json"] + files["access-token-keys.json"]

    def test_again_changes_nothing(self, tmp_path: Path) -> None:
        make_secrets(tmp_path, SERVICES)
        before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
        make_secrets(tmp_path, reversed(SERVICES))
        assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before

    def test_what_is_missing_is_added(self, tmp_path: Path) -> None:
        make_secrets(tmp_path, ["user"])
        before = contents(tmp_path)
        make_secrets(tmp_path, SERVICES)
        after = contents(tmp_path)
        assert set(after) == FILES
        assert {name for name in before if before[name] != after[name]} == {"service-keys.json"}

    def test_a_lost_key_set_is_made_from_the_keys(self, tmp_path: Path) -> None:
        make_secrets(tmp_path, SERVICES)
        before = contents(tmp_path)
        (tmp_path / "service-keys.json").unlink()
        (tmp_path / "access-token-keys.json").unlink()
        make_secrets(tmp_path, SERVICES)
        assert contents(tmp_path) == before

    def test_a_replaced_signing_key_keeps_the_old_one_in_the_set(self, tmp_path: Path) -> None:
        make_secrets(tmp_path, SERVICES)
        old = read_public_keys(tmp_path / "access-token-keys.json")
        (tmp_path / "access-token.pem").unlink()
        make_secrets(tmp_path, SERVICES)
        new = read_public_keys(tmp_path / "access-token-keys.json")
        assert len(new) == 2
        assert old[0] in new

    def test_a_draft_of_a_process_that_died_is_no_obstacle(self, tmp_path: Path) -> None:
        (tmp_path / ".access-token.pem.new").write_bytes(b"half a k")
        make_secrets(tmp_path, SERVICES)
        assert set(contents(tmp_path)) == FILES
        load_private_key(tmp_path / "access-token.pem")

    def test_a_folder_that_others_could_read_is_closed(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        make_secrets(tmp_path, SERVICES)
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700

    def test_several_processes_at_once_agree(self, tmp_path: Path) -> None:
        # Each tells what it saw right after its own call: nobody may see a file that another replaced later.
        script = (
            "import sys, pathlib, hashlib; from chassis.tokens import make_secrets; sys.stdin.read(1);"
            "folder = pathlib.Path(sys.argv[1]); make_secrets(folder, ['user', 'workout']);"
            "print(sorted((p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in folder.iterdir()"
            " if not p.name.startswith('.')))"
        )
        folder = tmp_path / "secrets"
        command = [sys.executable, "-c", script, str(folder)]
        running = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=os.getcwd())  # noqa: PTH109
            for _ in range(4)
        ]
        for process in running:
            assert process.stdin
            process.stdin.write("x")
            process.stdin.flush()
        seen = {process.communicate(timeout=60)[0] for process in running}
        assert [process.returncode for process in running] == [0, 0, 0, 0]
        assert len(seen) == 1
        assert set(contents(folder)) == FILES


class TestKeySets:
    def test_thumbprint_of_a_known_key(self) -> None:
        # The key of RFC 7517, appendix A.1; its thumbprint by RFC 7638 computed with openssl.
        x, y = (
            int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")
            for text in (
                "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            )
        )
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        assert thumbprint(key) == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"

    def test_what_pyjwt_reads_from_ours(self, tmp_path: Path) -> None:
        make_secrets(tmp_path, SERVICES)
        keys = jwt.PyJWKSet.from_json((tmp_path / "access-token-keys.json").read_text())
        token = sign_access_token(load_private_key(tmp_path / "access-token.pem"), {"sub": "x"})
        kid = jwt.get_unverified_header(token)["kid"]
        assert jwt.decode(token, keys[kid], algorithms=["ES256"]) == {"sub": "x"}

    def test_coordinates_keep_their_leading_zeros(self) -> None:
        # One key in 256 has such an x.
        keys = (ec.generate_private_key(ec.SECP256R1()).public_key() for _ in itertools.count())
        key = next(key for key in keys if key.public_numbers().x < 1 << 248)
        assert len(base64.urlsafe_b64decode(public_jwk(key, "k")["x"] + "=")) == 32

    def test_private_members_are_not_passed_on(self, tmp_path: Path) -> None:
        make_secrets(tmp_path, SERVICES)
        path = tmp_path / "access-token-keys.json"
        content = json.loads(path.read_text())
        content["keys"][0] |= {"d": "secret", "x5c": "more"}
        path.write_text(json.dumps(content))
        assert "d" not in read_public_keys(path)[0]

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[]",
            "{}",
            '{"keys": [{}]}',
            '{"keys": [{"kty": "RSA", "kid": "a"}]}',
            '{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}]}',
            '{"keys": [{"kty": "EC", "crv": "P-256", "kid": 1, "x": "AA", "y": "AA"}]}',
            '{"keys": [{"kty": "EC", "crv": "P-384", "kid": "a", "x": "AA", "y": "AA"}]}',
        ],
    )
    def test_what_is_no_key_set(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "keys.json"
        path.write_text(content)
        with pytest.raises(ValueError, match=r"keys\.json isn't a JSON Web Key Set"):
            public_keys_by_id(path)

    @pytest.mark.parametrize(
        "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)], ids=["P-384", "RSA"]
    )
    def test_other_private_keys_are_refused(self, tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
        path = tmp_path / "key.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(ValueError, match=r"key\.pem isn't a P-256 private key"):
            load_private_key(path)


def test_tokens_name_their_keys(tmp_path: Path) -> None:
    make_secrets(tmp_path, SERVICES)
    access = tmp_path / "access-token.pem"
    token = sign_access_token(load_private_key(access), {"sub": "x"})
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "typ": "JWT",
        "kid": read_public_keys(tmp_path / "access-token-keys.json")[0]["kid"],
    }
    assert jwt.get_unverified_header(sign_access_token(access, {"sub": "x"})) == jwt.get_unverified_header(token)
    token = sign_service_token(load_private_key(tmp_path / "service-user.pem"), "user", {"exp": 1})
    assert jwt.get_unverified_header(token)["kid"] == "user"
