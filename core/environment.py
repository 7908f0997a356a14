"""Environment: which exchange a trader will talk to, with what key, and where on this machine it keeps its things.

Everything that can refuse a start without a network is found here: key files, folders, the lock, the journal.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec

from core.config import Settings, to_money
from core.domain.enums import Mode
from core.domain.errors import BadInput, StartRefused
from core.domain.records import JOURNAL_VERSION, SessionStarted
from core.exchange.network import Endpoints, endpoints_for, loopback_endpoints
from core.exchange.signing import Passphrase, Signer, load_signer, signer_from_pem
from core.journal.journal import JournalContents, read_journal
from core.local.folder import AccountLock, account_folder, machine_folder, make_private
from core.local.presence import HISTORY_NAME
from core.ports import Clock
from core.sim.server import ExchangeServer
from core.sim.settings import ExchangeSettings
from core.trading.recall import Recall, recall
from core.trading.snapshot import StatusEntry

PAPER_FOLDERS_KEPT = 10
LOG_FILE = "trader.log"


class ExchangeFile(msgspec.Struct):
    """The JSON line of a standing exchange. Unknown keys are tolerated."""

    rest_url: str
    ws_url: str
    key_id: str
    private_key_path: str
    exchange_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account on one exchange."""

    endpoints: Endpoints
    signer: Signer
    key_id: str
    exchange: str
    shared: bool = True

    @property
    def lock_name(self) -> str:
        """The same for every process that would trade this account."""
        return hashlib.sha256(f"{self.key_id}\n{self.exchange}".encode()).hexdigest()[:16]

    @property
    def suffix(self) -> str:
        """The last characters of the key id, as far as they may be shown."""
        return self.key_id[-3:]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.key_id.encode()).hexdigest()[:16]


def standing_account(
    settings: Settings, exchange_file: Path | None, passphrase: Passphrase | None = None
) -> Account | None:
    """The account of demo, live or a standing exchange; None in paper mode, whose exchange is made at start.

    `passphrase` is asked for an encrypted key. BadInput when the key or the exchange file cannot be used.
    """
    if exchange_file is not None:
        return _from_file(exchange_file, settings, passphrase)
    if settings.mode is Mode.PAPER:
        return None
    if not settings.key_id:
        raise BadInput(f"mode {settings.mode.value} needs key_id: set it in the configuration file or by --key-id")
    if settings.private_key_path is None:
        raise BadInput(f"mode {settings.mode.value} needs private_key_path: the file of your API key, mode 0600")
    return Account(
        endpoints=endpoints_for(settings.mode),
        signer=_signer(settings.key_id, settings.private_key_path, settings, passphrase),
        key_id=settings.key_id,
        exchange=settings.mode.value,
    )


def _signer(key_id: str, path: Path, settings: Settings, passphrase: Passphrase | None) -> Signer:
    """Where the trading client is switched off the key itself signs no write: no rule above it, but the last wall."""
    signer = load_signer(key_id, path.expanduser(), passphrase)
    return signer if settings.client_enabled else signer.for_reading()


def _from_file(path: Path, settings: Settings, passphrase: Passphrase | None) -> Account:
    try:
        found = msgspec.json.decode(path.read_bytes()[: 1 << 16], type=ExchangeFile)
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); give the JSON line of kalshi-trader exchange"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: not the JSON line of kalshi-trader exchange: {error}") from None
    return Account(
        endpoints=loopback_endpoints(found.rest_url, found.ws_url),
        signer=_signer(found.key_id, Path(found.private_key_path), settings, passphrase),
        key_id=found.key_id,
        exchange=found.exchange_id or found.key_id,
    )


def embedded_settings(settings: Settings, seed: int, *, control: bool = False) -> ExchangeSettings:
    """What the exchange of a paper session is like. BadInput for a scenario that cannot be played."""
    try:
        return ExchangeSettings(
            seed=seed,
            markets=settings.simulated_markets,
            initial_balance=to_money(settings.initial_cash_balance),
            tier="basic",
            scenario=settings.scenario,
            control=control,
        )
    except ValueError as error:
        raise BadInput(str(error)) from None


def embedded_exchange(
    settings: Settings, clock: Clock, seed: int, key_pem: bytes, *, control: bool = False
) -> ExchangeServer:
    """The simulated exchange of a paper session: fresh, on a loopback port the system chooses, basic limits."""
    return ExchangeServer(embedded_settings(settings, seed, control=control), clock, private_key_pem=key_pem)


def paper_account(server: ExchangeServer, rest_url: str, ws_url: str) -> Account:
    return Account(
        endpoints=loopback_endpoints(rest_url, ws_url),
        signer=signer_from_pem(server.key_id, server.private_key_pem),
        key_id=server.key_id,
        exchange=server.exchange_id,
        shared=False,
    )


class Quarters:
    """The account's folder with its lock held and its journal read."""

    def __init__(self, settings: Settings, account: Account) -> None:
        base = make_private(settings.state_dir.expanduser())
        self.folder = make_private(account_folder(base, settings.mode.value, account.key_id))
        self.lock = AccountLock(self.folder)
        # A fresh paper account is nobody else's; any other may be traded from another state folder too.
        self.account_lock = AccountLock(machine_folder(), f"{account.lock_name}.lock") if account.shared else None
        self.lock.take()
        try:
            self._move_in(settings, account)
        except BaseException:
            self.leave()
            raise
        if settings.mode is Mode.PAPER:
            _tidy_paper(base, self.folder)

    def _move_in(self, settings: Settings, account: Account) -> None:
        if self.account_lock is not None:
            self.account_lock.take()
        self.journal_folder = make_private(self.folder / "journal")
        self.log_folder = make_private(self.folder / "log")
        self.contents: JournalContents = read_journal(self.journal_folder)
        self._check_belongs(settings.mode, account)
        self.recalled: Recall = recall(self.contents.records)

    def _check_belongs(self, mode: Mode, account: Account) -> None:
        """A journal belongs to (mode, key id, exchange id)."""
        started = [r for r in self.contents.records if isinstance(r, SessionStarted)]
        if not started:
            return
        last = started[-1]
        theirs = (last.mode, last.key_digest, last.exchange)
        if last.version > JOURNAL_VERSION:
            raise StartRefused(f"the journal in {self.journal_folder} is of a newer version; use that program")
        if theirs != (mode.value, account.digest, account.exchange):
            raise StartRefused(f"the journal in {self.journal_folder} belongs to another exchange; move it away")

    def leave(self) -> None:
        """Let go of the locks: another trader may have the account."""
        if self.account_lock is not None:
            self.account_lock.release(remove=True)
        self.lock.release()

    def history(self) -> tuple[StatusEntry, ...]:
        """The status history an earlier session kept here."""
        return read_history(self.folder)


def read_history(folder: Path) -> tuple[StatusEntry, ...]:
    """The status history on disk, oldest first; nothing when there is none that can be read."""
    try:
        return msgspec.json.decode((folder / HISTORY_NAME).read_bytes(), type=tuple[StatusEntry, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def _tidy_paper(base: Path, current: Path) -> None:
    """Paper is a fresh account at each start: of the ended ones only the newest few are kept."""
    folders = sorted(base.glob("paper-????????"), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in folders[PAPER_FOLDERS_KEPT:]:
        if old != current:
            lock = AccountLock(old)
            try:
                lock.take()
            except (StartRefused, OSError):
                continue
            shutil.rmtree(old, ignore_errors=True)
            lock.release()


def session_name(chance: Random) -> str:
    """Twelve hex digits that tell this session's client ids from every other's."""
    return f"{chance.getrandbits(48):012x}"
