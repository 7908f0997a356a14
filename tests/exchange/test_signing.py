"""Signatures the exchange accepts, and key files that are refused in one line."""

from __future__ import annotations

import base64
import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from core.domain.errors import BadInput
from core.exchange.signing import load_signer, signer_from_pem

from .support import KEY_ID, ed_key, pem, rsa_key


def key_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("form", ["PKCS1", "PKCS8"])
def test_rsa_signature_is_pss_with_the_digests_salt_over_path_without_query(form: str, tmp_path: Path) -> None:
    signer = load_signer(KEY_ID, key_file(tmp_path / "key.pem", pem(rsa_key(), form)))
    headers = signer.headers("get", "/trade-api/v2/portfolio/orders?limit=5", 1_767_000_000_123)
    assert headers["KALSHI-ACCESS-KEY"] == KEY_ID
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1767000000123"
    rsa_key().public_key().verify(
        base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]),
        b"1767000000123GET/trade-api/v2/portfolio/orders",
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32),
        hashes.SHA256(),
    )


def test_ed25519_signature_is_over_the_same_text() -> None:
    headers = signer_from_pem(KEY_ID, pem(ed_key()).decode()).headers("POST", "/x", 5)
    ed_key().public_key().verify(base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), b"5POST/x")


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        load_signer(KEY_ID, path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


def test_key_files_that_are_not_plain_private_files_are_refused_in_one_line(tmp_path: Path) -> None:
    good = key_file(tmp_path / "good.pem", pem(ed_key()))
    (tmp_path / "link.pem").symlink_to(good)
    (tmp_path / "dangling.pem").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.pem", 0o600)
    assert "does not exist" in refusal(tmp_path / "missing.pem")
    assert "directory" in refusal(tmp_path)
    assert "symbolic link" in refusal(tmp_path / "link.pem")
    assert "symbolic link" in refusal(tmp_path / "dangling.pem")
    assert "not a plain file" in refusal(tmp_path / "pipe.pem")
    assert "too large" in refusal(key_file(tmp_path / "huge.pem", b"x" * 100_000))


def test_a_key_file_is_taken_only_in_modes_that_shut_everybody_else_out(tmp_path: Path) -> None:
    path = key_file(tmp_path / "key.pem", pem(ed_key()))
    for mode in range(0o400, 0o1000):
        path.chmod(mode)
        try:
            load_signer(KEY_ID, path)
            assert mode & 0o077 == 0, oct(mode)
        except BadInput as refused:
            assert mode & 0o077, (oct(mode), str(refused))


def test_a_key_file_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = key_file(tmp_path / "key.pem", pem(ed_key()))
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert "another user" in refusal(path)


@pytest.mark.parametrize("form", ["PKCS1", "PKCS8"])
def test_an_encrypted_key_opens_with_its_own_passphrase_only(form: str, tmp_path: Path) -> None:
    path = key_file(tmp_path / "key.pem", pem(rsa_key(), form, password=b"open sesame"))
    asked: list[str] = []

    def say(word: bytes) -> Callable[[str], bytes]:
        return lambda name: asked.append(name) or word  # type: ignore[func-returns-value]

    assert load_signer(KEY_ID, path, say(b"open sesame")).headers("GET", "/x", 1)
    for wrong in (b"open barley", b"", b"x" * 1024):
        with pytest.raises(BadInput, match="passphrase does not open it") as refused:
            load_signer(KEY_ID, path, say(wrong))
        assert not wrong or wrong.decode() not in str(refused.value)
    assert len(asked) == 4 and all(str(path) in name for name in asked)


def test_a_key_that_is_not_encrypted_asks_for_nothing(tmp_path: Path) -> None:
    load_signer(KEY_ID, key_file(tmp_path / "key.pem", pem(ed_key())), lambda name: pytest.fail(name))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644])
def test_key_file_others_can_touch_is_refused_with_the_mend(mode: int, tmp_path: Path) -> None:
    path = key_file(tmp_path / "open.pem", pem(ed_key()), mode)
    assert f"chmod 600 {path}" in refusal(path)


def test_keys_the_exchange_does_not_take_are_refused_in_one_line(tmp_path: Path) -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    for content, words in (
        (b"", "not a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key"),
        (os.urandom(500), "not a private key"),
        (pem(rsa_key(), password=b"secret"), "encrypted"),
        (pem(rsa_key(), "PKCS1", password=b"secret"), "encrypted"),
        (pem(small), "1024 bits"),
        (pem(curve), "RSA and Ed25519"),
    ):
        assert words in refusal(key_file(tmp_path / "key.pem", content))


@pytest.mark.parametrize("key_id", ["", "a b", "x\r\nKALSHI: y", "é", "k" * 200])
def test_key_id_that_could_break_a_header_is_refused(key_id: str) -> None:
    with pytest.raises(BadInput):
        signer_from_pem(key_id, pem(ed_key()))


def test_signer_shows_nothing_and_cannot_be_taken_along() -> None:
    signer = signer_from_pem(KEY_ID, pem(ed_key()))
    for shown in (repr(signer), str(signer), f"{signer}", f"{signer!r:>40}", f"{[signer]}"):
        assert shown.strip(" []") == "Signer(<hidden>)"
    assert not hasattr(signer, "__dict__")
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            take(signer)
