"""Keys and signatures of the simulated exchange; the only file here that knows cryptography.

Signed text: `<timestamp in ms><METHOD><raw path without query>`. RSA-PSS with SHA-256 (any salt length, as clients
differ) or raw Ed25519. The clock window is asymmetric: 10 s into the past, 60 s ahead.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.sim.accounts import Account
from core.sim.errors import refusal
from core.sim.text import NS_PER_MS

KEY_HEADER = "KALSHI-ACCESS-KEY"
TIME_HEADER = "KALSHI-ACCESS-TIMESTAMP"
SIGNATURE_HEADER = "KALSHI-ACCESS-SIGNATURE"
PAST_MS = 10_000
AHEAD_MS = 60_000
RSA_BITS = 2048
SCOPES = frozenset(
    {"read", "write", "read::portfolio_balance", "read::block_trade_accept"}
    | {f"write::{kind}" for kind in ("trade", "transfer", "fcm_risk", "block_trade_accept")}
)

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
PublicKey = rsa.RSAPublicKey | Ed25519PublicKey


def generate_private_key() -> bytes:
    """A fresh RSA key as PKCS#1 PEM, as the platform hands them out. Takes a moment: call it off the event loop."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def public_key_of(private_key_pem: bytes) -> PublicKey:
    """The public half of an RSA or Ed25519 private key in PEM; ValueError for anything else."""
    # Only the public half is used; that the private numbers fit together is the member's own affair, and slow to prove.
    key = serialization.load_pem_private_key(private_key_pem, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("the key must be RSA or Ed25519")
    return key.public_key()


class KeyRing:
    """Which key belongs to which account, and the check of every signed request."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[PublicKey, Account, frozenset[str]]] = {}

    def add(
        self, key_id: str, public_key: PublicKey, account: Account, scopes: frozenset[str] = frozenset(SCOPES)
    ) -> None:
        """ValueError for a scope that does not exist, and for `write` without `read`."""
        if not scopes <= SCOPES or (any(s.startswith("write") for s in scopes) and "read" not in scopes):
            raise ValueError(f"scopes are of {', '.join(sorted(SCOPES))}; write needs read")
        self._keys[key_id] = (public_key, account, scopes)

    def hand_over(self, old: Account, new: Account) -> None:
        """Every key of one account leads to another from now on."""
        for key_id, (key, account, scopes) in self._keys.items():
            if account is old:
                self._keys[key_id] = (key, new, scopes)

    def accounts(self) -> list[Account]:
        """Every account a key leads to, once."""
        return list({account.user_id: account for _key, account, _scopes in self._keys.values()}.values())

    def check(self, headers: Mapping[str, str], method: str, raw_path: str, wall_ns: int) -> Account:
        """The account behind a request, or one of the exchange's 401 answers; 403 where the key's scope is missing."""
        key_id, stamp, signature = (headers.get(h, "") for h in (KEY_HEADER, TIME_HEADER, SIGNATURE_HEADER))
        if not signature:
            raise refusal("signature_is_missing_from_headers")
        known = self._keys.get(key_id)
        if known is None:
            raise refusal("authentication_error", "NOT_FOUND")
        if not _in_window(stamp, wall_ns // NS_PER_MS):
            raise refusal("header_timestamp_expired")
        public_key, account, scopes = known
        if not _verify(public_key, signature, f"{stamp}{method}{raw_path}".encode()):
            raise refusal("authentication_error", "INCORRECT_API_KEY_SIGNATURE")
        if not _may(scopes, method, raw_path):
            raise refusal("forbidden", "the key lacks the scope")
        return account


def _may(scopes: frozenset[str], method: str, raw_path: str) -> bool:
    """`read` and `write` include their children; a child permits its own kind of request alone."""
    if method == "GET":
        return "read" in scopes or ("read::portfolio_balance" in scopes and raw_path.endswith("/portfolio/balance"))
    child = "write::transfer" if "/subaccounts" in raw_path else "write::trade"
    return "write" in scopes or child in scopes


def _in_window(stamp: str, now_ms: int) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 19):
        return False
    return -PAST_MS <= int(stamp) - now_ms <= AHEAD_MS


def _verify(public_key: PublicKey, signature: str, text: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(public_key, Ed25519PublicKey):
            public_key.verify(raw, text)
        else:
            public_key.verify(raw, text, _PSS, hashes.SHA256())
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
