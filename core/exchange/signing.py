"""Signing of requests with the operator's private key.

Owns the key and hands out headers only: a Signer shows nothing of itself and cannot be pickled or copied. Key files
are read once, at start, and refused unless they are plain files that nobody but the owner can touch.
Signing runs inline (RSA about 0.3 ms): a thread hop costs more than it saves and has no place in virtual time.
"""

from __future__ import annotations

import base64
import errno
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from core.domain.errors import BadInput

# Asked with the name of what it opens, and only for a key that is encrypted.
Passphrase = Callable[[str], bytes]

KEY_FILE_LIMIT = 65_536
RSA_BITS_MIN = 2048

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_SHA256 = hashes.SHA256()
# "PSS with SHA-256, MGF1 of the same, salt as long as the digest."
_PSS = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=padding.PSS.DIGEST_LENGTH)


class Signer:
    """Makes the three access headers. The key never leaves it: no repr, no pickle, no copy. One that is `reading_only`
    signs nothing that could change anything, whoever asks.
    """

    __slots__ = ("__key", "key_id", "reading_only")

    def __init__(self, key_id: str, key: RSAPrivateKey | Ed25519PrivateKey, *, reading_only: bool = False) -> None:
        self.key_id = key_id
        self.reading_only = reading_only
        self.__key = key

    def for_reading(self) -> Signer:
        """The same key, for GET only."""
        return Signer(self.key_id, self.__key, reading_only=True)

    def headers(self, method: str, path: str, wall_ms: int) -> dict[str, str]:
        """Headers for `method` on `path` (from the host's root, without query) at `wall_ms` of Unix time."""
        assert not self.reading_only or method.upper() == "GET", f"a signer for reading was asked for {method}"
        stamp = str(wall_ms)
        text = f"{stamp}{method.upper()}{path.partition('?')[0]}".encode()
        if isinstance(self.__key, RSAPrivateKey):
            signature = self.__key.sign(text, _PSS, _SHA256)
        else:
            signature = self.__key.sign(text)
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode("ascii"),
        }

    def __repr__(self) -> str:
        return "Signer(<hidden>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signer cannot be pickled or copied")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Signer cannot be pickled or copied")


def signer_from_pem(
    key_id: str, pem: bytes | str, *, name: str = "private key", passphrase: Passphrase | None = None
) -> Signer:
    """A Signer of PEM text (PKCS#1 or PKCS#8, RSA from 2048 bits or Ed25519); raises BadInput naming `name`."""
    if not _KEY_ID.fullmatch(key_id):
        raise BadInput("key id: 1 to 128 letters, digits, dots, dashes; copy it from the exchange's API key page")
    key = _parsed(pem.encode() if isinstance(pem, str) else pem, name, passphrase)
    if isinstance(key, Ed25519PrivateKey):
        return Signer(key_id, key)
    if not isinstance(key, RSAPrivateKey):
        raise BadInput(f"{name}: the exchange takes RSA and Ed25519 keys only; make a new key there")
    if key.key_size < RSA_BITS_MIN:
        raise BadInput(f"{name}: RSA key of {key.key_size} bits, at least {RSA_BITS_MIN} are needed; make a new key")
    return Signer(key_id, key)


def _parsed(data: bytes, name: str, passphrase: Passphrase | None) -> object:
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        pass  # the loader's word for "this key is encrypted and no password was given"
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput(f"{name}: not a private key in PEM form; download the key file again") from None
    if passphrase is None:
        raise BadInput(f"{name}: the key is encrypted and nothing here can ask for its passphrase")
    try:
        return load_pem_private_key(data, password=passphrase(name))
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise BadInput(f"{name}: the passphrase does not open it; try again") from None


def load_signer(key_id: str, path: Path, passphrase: Passphrase | None = None) -> Signer:
    """A Signer of the key file at `path`; raises BadInput in one line naming the file and the mend."""
    return signer_from_pem(key_id, _read_key_file(path), name=f"key file {path}", passphrase=passphrase)


def _read_key_file(path: Path) -> bytes:
    name = f"key file {path}"
    try:
        # NOFOLLOW and checks on the open descriptor: nobody can swap the file between check and read.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BadInput(f"{name}: does not exist; set the path of your Kalshi private key") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadInput(f"{name}: is a symbolic link; name the file itself") from None
        raise BadInput(f"{name}: cannot be opened ({os.strerror(error.errno or 0)}); check path and owner") from None
    except ValueError:  # a NUL, or what the file system's encoding does not have
        raise BadInput(f"key file {str(path)!r}: is no name a file can have; mend private_key_path") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise BadInput(f"{name}: is a directory; name the key file inside")
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{name}: is not a plain file; name the key file itself")
        if status.st_uid != os.geteuid():
            raise BadInput(f"{name}: belongs to another user; make a copy that is yours")
        if status.st_mode & 0o077:
            raise BadInput(f"{name}: others can access it; run `chmod 600 {path}`")
        if status.st_size > KEY_FILE_LIMIT:
            raise BadInput(f"{name}: too large for a key; name the PEM file")
        return os.read(descriptor, KEY_FILE_LIMIT)
    finally:
        os.close(descriptor)
