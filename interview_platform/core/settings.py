"""The service's settings: read from the environment, typed, and checked all at once at boot."""

from __future__ import annotations

import binascii
import contextlib
import os
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, cast

from dotenv import load_dotenv

from .origins import normalize_origin

Environment = Literal["development", "test", "production"]

MIN_SECRET_BYTES = 32
SIGNING_KEY_BYTES = 32

# What MongoDB takes on every platform, and in at most 63 bytes.
_DATABASE_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
# By RFC 7064 and RFC 7065.
_STUN = re.compile(r"stuns?:[^\s/?]+")
_TURN = re.compile(r"turns?:[^\s/?]+(\?transport=(udp|tcp))?")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DURATION = re.compile(r"([0-9]+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class SettingsError(ValueError):
    """Settings that cannot be used; `faults` names each one."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("Invalid settings:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Settings:
    """One field a setting of `.env.example`, which says what each is for."""

    app_env: Environment
    host: str
    port: int
    data_dir: Path
    log_level: str
    mongo_uri: str = field(repr=False)
    mongo_db_name: str
    redis_url: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    signing_key: str = field(repr=False)
    retired_public_keys: tuple[bytes, ...]
    jwt_expires_in: timedelta
    refresh_expires_in: timedelta
    bcrypt_salt_rounds: int
    password_pepper: str = field(repr=False)
    invitation_expires_in: timedelta
    password_reset_expires_in: timedelta
    client_origins: tuple[str, ...]
    public_base_url: str
    client_link_url: str
    trusted_proxies: int
    connections_per_address: int
    sockets_per_address: int
    sockets_per_person: int
    events_per_second: int
    requests_per_second: int
    metrics_token: str = field(repr=False)
    sendgrid_api_key: str = field(repr=False)
    email_from: str
    sendgrid_base_url: str
    twilio_account_sid: str
    twilio_auth_token: str = field(repr=False)
    twilio_from_number: str
    twilio_base_url: str
    provider_timeout: timedelta
    livekit_url: str
    livekit_api_key: str
    livekit_api_secret: str = field(repr=False)
    stun_urls: tuple[str, ...]
    turn_urls: tuple[str, ...]
    turn_secret: str = field(repr=False)
    telemetry_require_consent: bool
    log_retention: timedelta
    gaze_retention: timedelta
    notification_retention: timedelta
    audit_retention: timedelta

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def own_origins(self) -> frozenset[str]:
        """The origins of the service's own pages, whatever host a request claims to be for."""
        own = {self.public_base_url} if self.public_base_url else set()
        if self.app_env == "development":
            hosts = ("127.0.0.1", "localhost", "[::1]")
            own |= {f"http://{host}{f':{self.port}' * (self.port != 80)}" for host in hosts}
        return frozenset(own)

    @classmethod
    def load(cls) -> Settings:
        """Read `.env` and the environment, as a process that serves or works does.

        The environment wins over `.env`. Secrets of its own are made where development
        may go without any. Raises `SettingsError`, also where a store is not configured: only
        `interview_platform.local` starts embedded ones.
        """
        load_dotenv(".env")
        settings = cls.from_env()
        missing = [
            f"{name}: is not set; `make run` starts an embedded one"
            for name, value in (
                ("MONGO_URI", settings.mongo_uri),
                ("REDIS_URL", settings.redis_url),
            )
            if not value
        ]
        if missing:
            raise SettingsError(missing)
        kept = settings.data_dir
        return replace(
            settings,
            jwt_secret=settings.jwt_secret or development_secret(kept / "jwt-secret"),
            signing_key=settings.signing_key or development_secret(kept / "signing-key"),
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from `environ` (default: the process's own).

        Raises `SettingsError` with every fault found, not only the first.
        """
        read = _Reader(os.environ if environ is None else environ)
        app_env = cast(
            Environment,
            read.choice("APP_ENV", "development", ("development", "test", "production")),
        )
        data_dir = Path(read.text("DATA_DIR", "./var"))
        sockets_per_address = read.integer("SOCKETS_PER_ADDRESS", 100, 1, 1_000_000)
        settings = cls(
            app_env=app_env,
            host=read.text("HOST", "127.0.0.1"),
            port=read.integer("PORT", 5000, 0, 65535),
            data_dir=data_dir,
            log_level=read.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            mongo_uri=read.url("MONGO_URI", "", ("mongodb", "mongodb+srv")),
            mongo_db_name=read.database_name("MONGO_DB_NAME", "smart_interview"),
            redis_url=read.url("REDIS_URL", "", ("redis", "rediss", "unix")),
            jwt_secret=read.text("JWT_SECRET"),
            signing_key=read.key("SIGNING_KEY", SIGNING_KEY_BYTES),
            retired_public_keys=read.public_keys("RETIRED_PUBLIC_KEYS"),
            jwt_expires_in=read.duration("JWT_EXPIRES_IN", "1d"),
            refresh_expires_in=read.duration("REFRESH_EXPIRES_IN", "30d"),
            bcrypt_salt_rounds=read.integer("BCRYPT_SALT_ROUNDS", 12, 4, 16),
            password_pepper=read.text("PASSWORD_PEPPER"),
            invitation_expires_in=read.duration("INVITATION_EXPIRES_IN", "7d"),
            password_reset_expires_in=read.duration("PASSWORD_RESET_EXPIRES_IN", "1h"),
            client_origins=read.origins("CLIENT_ORIGIN", "http://localhost:3000"),
            public_base_url=read.base_url("PUBLIC_BASE_URL"),
            client_link_url=read.url(
                "CLIENT_LINK_URL", "http://localhost:3000/welcome", ("http", "https")
            ),
            trusted_proxies=read.integer("TRUSTED_PROXIES", 0, 0, 10),
            connections_per_address=read.integer(
                "CONNECTIONS_PER_ADDRESS", 5 * sockets_per_address, 1, 5_000_000
            ),
            sockets_per_address=sockets_per_address,
            sockets_per_person=read.integer("SOCKETS_PER_PERSON", 20, 1, 1_000_000),
            events_per_second=read.integer("EVENTS_PER_SECOND", 200, 1, 1_000_000),
            requests_per_second=read.integer("REQUESTS_PER_SECOND", 100, 1, 1_000_000),
            metrics_token=read.text("METRICS_TOKEN"),
            sendgrid_api_key=read.text("SENDGRID_API_KEY"),
            email_from=read.sender("EMAIL_FROM"),
            sendgrid_base_url=read.url(
                "SENDGRID_BASE_URL", "https://api.sendgrid.com", ("http", "https")
            ),
            twilio_account_sid=read.text("TWILIO_ACCOUNT_SID"),
            twilio_auth_token=read.text("TWILIO_AUTH_TOKEN"),
            twilio_from_number=read.phone("TWILIO_FROM_NUMBER"),
            twilio_base_url=read.url(
                "TWILIO_BASE_URL", "https://api.twilio.com", ("http", "https")
            ),
            provider_timeout=read.duration("PROVIDER_TIMEOUT", "10s"),
            livekit_url=read.url("LIVEKIT_URL", "", ("wss", "ws", "https", "http")),
            livekit_api_key=read.text("LIVEKIT_API_KEY"),
            livekit_api_secret=read.text("LIVEKIT_API_SECRET"),
            stun_urls=read.servers("STUN_URLS", _STUN, "stun:stun.example.com:3478"),
            turn_urls=read.servers("TURN_URLS", _TURN, "turn:turn.example.com:3478?transport=udp"),
            turn_secret=read.text("TURN_SECRET"),
            telemetry_require_consent=read.flag("TELEMETRY_REQUIRE_CONSENT", "true"),
            log_retention=read.duration("LOG_RETENTION", "365d"),
            gaze_retention=read.duration("GAZE_RETENTION", "30d"),
            notification_retention=read.duration("NOTIFICATION_RETENTION", "365d"),
            audit_retention=read.duration("AUDIT_RETENTION", "730d"),
        )
        read.faults += settings._faults()
        if read.faults:
            raise SettingsError(read.faults)
        return settings

    def _faults(self) -> list[str]:
        faults = []
        if self.jwt_secret and len(self.jwt_secret.encode()) < MIN_SECRET_BYTES:
            faults.append(f"JWT_SECRET: must be at least {MIN_SECRET_BYTES} bytes")
        if not self.jwt_secret and self.app_env != "development":
            faults.append("JWT_SECRET: is required outside development")
        faults += _incomplete(
            LIVEKIT_URL=self.livekit_url,
            LIVEKIT_API_KEY=self.livekit_api_key,
            LIVEKIT_API_SECRET=self.livekit_api_secret,
        )
        faults += _incomplete(TURN_URLS=self.turn_urls, TURN_SECRET=self.turn_secret)
        if self.production:
            if not self.signing_key:
                faults.append("SIGNING_KEY: is required in production")
            for name, value in (("MONGO_URI", self.mongo_uri), ("REDIS_URL", self.redis_url)):
                if not value:
                    faults.append(f"{name}: is required in production, which has no embedded store")
            if 0 < len(self.livekit_api_secret.encode()) < MIN_SECRET_BYTES:
                faults.append(f"LIVEKIT_API_SECRET: must be at least {MIN_SECRET_BYTES} bytes")
            if "*" in self.client_origins:
                faults.append("CLIENT_ORIGIN: '*' is refused in production")
        return faults


def _incomplete(**group: object) -> list[str]:
    """Return a fault for each setting that is missing out of a group that goes together."""
    if not any(group.values()):
        return []
    others = " and ".join(group)
    return [f"{name}: is missing, as {others} go together" for name in group if not group[name]]


class _Reader:
    """Reads one setting at a time and gathers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        # An empty value in .env means "not set", as it did in the service this one replaces.
        return self._environ.get(name, "").strip() or default

    def key(self, name: str, size: int) -> str:
        value = self.text(name)
        if value and _decoded(value, size) is None:
            self.faults.append(f"{name}: must be {size} bytes in base64")
        return value

    def public_keys(self, name: str) -> tuple[bytes, ...]:
        parts = [part.strip() for part in self.text(name).split(",") if part.strip()]
        keys = [_decoded(part, SIGNING_KEY_BYTES) for part in parts]
        if None in keys:
            self.faults.append(f"{name}: must be keys of {SIGNING_KEY_BYTES} bytes in base64")
        return tuple(key for key in keys if key is not None)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        if value not in allowed:
            self.faults.append(f"{name}: must be one of {', '.join(allowed)}")
            return default
        return value

    def flag(self, name: str, default: str) -> bool:
        return self.choice(name, default, ("true", "false")) == "true"

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            self.faults.append(f"{name}: must be a whole number from {least} to {most}")
            return default
        return int(value)

    def duration(self, name: str, default: str) -> timedelta:
        match = _DURATION.fullmatch(self.text(name, default))
        if match is None or len(match[1]) > 6 or int(match[1]) == 0:
            self.faults.append(f"{name}: must be a duration such as 15m, 12h or 1d")
            return timedelta(days=1)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value and not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            self.faults.append(f"{name}: must start with {' or '.join(f'{s}://' for s in schemes)}")
        return value

    def database_name(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not _DATABASE_NAME.fullmatch(value):
            self.faults.append(f"{name}: must be up to 63 letters, digits, _ or -")
        return value

    def servers(self, name: str, form: re.Pattern[str], example: str) -> tuple[str, ...]:
        urls = tuple(part.strip() for part in self.text(name).split(",") if part.strip())
        for url in urls:
            if not form.fullmatch(url):
                self.faults.append(f"{name}: '{url}' is not an address such as {example}")
        return urls

    def sender(self, name: str) -> str:
        value = self.text(name)
        if value and not _ADDRESS.fullmatch(parseaddr(value)[1]):
            self.faults.append(f"{name}: must be an address, or Name <address>")
        return value

    def phone(self, name: str) -> str:
        value = self.text(name)
        if value and not _E164.fullmatch(value):
            self.faults.append(f"{name}: must be a number such as +4930123456")
        return value

    def base_url(self, name: str) -> str:
        value = self.text(name)
        origin = normalize_origin(value.removesuffix("/"))
        if value and origin is None:
            self.faults.append(
                f"{name}: must be an http or https address without a path, "
                "such as https://interviews.example.com"
            )
        return origin or ""

    def origins(self, name: str, default: str) -> tuple[str, ...]:
        origins = []
        for part in self.text(name, default).split(","):
            text = part.strip().rstrip("/")
            origin = "*" if text == "*" else normalize_origin(text)
            if origin is None:
                self.faults.append(f"{name}: '{text}' is not an origin such as https://example.com")
            else:
                origins.append(origin)
        return tuple(origins)


def _decoded(value: str, size: int) -> bytes | None:
    """Return the `size` bytes that `value` spells in base64; None for anything else."""
    try:
        found = b64decode(value, validate=True)
    except binascii.Error:
        return None
    return found if len(found) == size else None


def development_secret(path: Path) -> str:
    """Return the secret kept at `path`: 32 bytes in base64, made at random on first use.

    Processes that start at once agree on one secret. Raises `SettingsError` where it
    cannot be kept.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _kept_secret(path)
    except OSError as error:
        raise SettingsError([f"DATA_DIR: cannot be written to: {error}"]) from error


def _kept_secret(path: Path) -> str:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(b64encode(secrets.token_bytes(MIN_SECRET_BYTES)).decode())
        # A link appears whole or not at all, and only for the first to make it.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text()
