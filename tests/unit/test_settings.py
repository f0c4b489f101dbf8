"""Settings: typed, checked all at once, and silent about secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from interview_platform.core.settings import Settings, SettingsError, development_secret
from tests.live import ROOT

PRODUCTION = {
    "APP_ENV": "production",
    "JWT_SECRET": "s" * 32,
    "SIGNING_KEY": "s" * 43 + "=",
    "MONGO_URI": "mongodb://db",
    "REDIS_URL": "redis://cache",
    "CLIENT_ORIGIN": "https://app.example.com",
}


def faults(**environ: str) -> set[str]:
    """Return the names of the settings that `environ` has wrong."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(environ)
    return {fault.partition(":")[0] for fault in refused.value.faults}


def test_every_fault_is_told_at_once() -> None:
    wrong = {
        "APP_ENV": "staging",
        "PORT": "x",
        "LOG_LEVEL": "loud",
        "MONGO_URI": "postgres://db",
        "MONGO_DB_NAME": "a/b",
        "REDIS_URL": "db:6379",
        "JWT_SECRET": "short",
        "SIGNING_KEY": "short",
        "RETIRED_PUBLIC_KEYS": "short, shorter",
        "JWT_EXPIRES_IN": "soon",
        "BCRYPT_SALT_ROUNDS": "3",
        "CLIENT_ORIGIN": "example.com",
        "PUBLIC_BASE_URL": "interviews.example.com",
        "CLIENT_LINK_URL": "javascript:alert(1)",
        "TRUSTED_PROXIES": "-1",
        "EMAIL_FROM": "Interviews",
        "TWILIO_FROM_NUMBER": "030 123456",
        "TELEMETRY_REQUIRE_CONSENT": "perhaps",
        "LOG_RETENTION": "1y",
        "GAZE_RETENTION": "0d",
        "NOTIFICATION_RETENTION": "-1d",
        "AUDIT_RETENTION": "forever",
        "LIVEKIT_URL": "video.example.com",
        "LIVEKIT_API_KEY": "",
        "LIVEKIT_API_SECRET": "",
        "STUN_URLS": "stun:example.com, turn:example.com",
        "TURN_URLS": "turn:",
        "TURN_SECRET": "",
    }
    assert faults(**wrong) == wrong.keys()


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("15m", 900), ("2 h", 7200), ("1d", 86400), ("2w", 1209600)]
)
def test_durations_have_a_unit(text: str, seconds: int) -> None:
    settings = Settings.from_env({"JWT_EXPIRES_IN": text})
    assert settings.jwt_expires_in == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["0s", "15", "-1d", "1y", "1.5h", "9999999w", "1d 2h", "\u0661d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert faults(JWT_EXPIRES_IN=text) == {"JWT_EXPIRES_IN"}


@pytest.mark.parametrize("name", ["a.b", "a b", "$x", 'a"b', "x" * 64, "ä"])
def test_what_cannot_name_a_database_is_refused(name: str) -> None:
    assert faults(MONGO_DB_NAME=name) == {"MONGO_DB_NAME"}


def test_an_address_may_have_more_connections_than_sockets() -> None:
    assert Settings.from_env({}).connections_per_address == 500
    more = {"SOCKETS_PER_ADDRESS": "1000"}
    assert Settings.from_env(more).connections_per_address == 5_000
    assert Settings.from_env({**more, "CONNECTIONS_PER_ADDRESS": "9"}).connections_per_address == 9


@pytest.mark.parametrize("sender", ["a@example.com", "Interviews <a@example.com>"])
def test_mail_comes_from_an_address(sender: str) -> None:
    assert Settings.from_env({"EMAIL_FROM": sender}).email_from == sender


@pytest.mark.parametrize("sender", ["Interviews", "Interviews <>", "a@", "@b", "a b@example.com"])
def test_what_holds_no_address_is_refused(sender: str) -> None:
    assert faults(EMAIL_FROM=sender) == {"EMAIL_FROM"}


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/", "https://a.example"),
        ("HTTPS://A.Example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://a.example:08443", "https://a.example:8443"),
        ("http://192.0.2.1:5000", "http://192.0.2.1:5000"),
        ("http://[2001:DB8:0::1]:5000", "http://[2001:db8::1]:5000"),
    ],
)
def test_origins_have_one_form(text: str, origin: str) -> None:
    settings = Settings.from_env({"PUBLIC_BASE_URL": text, "CLIENT_ORIGIN": f"{text}, *"})
    assert settings.public_base_url == origin
    assert settings.client_origins == (origin, "*")


@pytest.mark.parametrize(
    "text",
    [
        *("a.example", "//a.example", "ftp://a.example", "https://", "https:///", "null"),
        *("https://a.example/app", "https://a.example?x", "https://a.example#x"),
        *("https://me@a.example", "https://a.example:", "https://a.example:x"),
        *("https://a.example:65536", "https://a..example", "https://.example", "https://a example"),
        *(
            "https://[::1",
            "https://[::g]",
            "https://[1]",
            "https://a\t.example",
            "https://ä.example",
        ),
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    assert faults(PUBLIC_BASE_URL=text) == {"PUBLIC_BASE_URL"}
    assert faults(CLIENT_ORIGIN=text) == {"CLIENT_ORIGIN"}


@pytest.mark.parametrize("number", ["030123456", "+030123456", "+49", "+49 30 123456", "+1" * 9])
def test_messages_come_from_a_number_with_a_country_code(number: str) -> None:
    assert faults(TWILIO_FROM_NUMBER=number) == {"TWILIO_FROM_NUMBER"}


@pytest.mark.parametrize(
    "complete",
    [
        {"LIVEKIT_URL": "wss://a", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"},
        {"TURN_URLS": "turn:a:3478?transport=tcp,turns:a", "TURN_SECRET": "s"},
    ],
)
def test_what_goes_together_is_set_together(complete: dict[str, str]) -> None:
    Settings.from_env(complete)
    for name in complete:
        assert faults(**{**complete, name: ""}) == {name}


@pytest.mark.parametrize("url", ["example.com", "stun://a", "stun:a b", "turn:a?transport=sctp"])
def test_servers_have_addresses_of_their_kind(url: str) -> None:
    assert faults(STUN_URLS=url) == {"STUN_URLS"}
    assert faults(TURN_URLS=url, TURN_SECRET="s") == {"TURN_URLS"}


def test_production_insists_on_what_keeps_it_safe() -> None:
    assert Settings.from_env(PRODUCTION).production
    for name, value in (
        ("JWT_SECRET", ""),
        ("JWT_SECRET", "s" * 31),
        ("SIGNING_KEY", ""),
        ("SIGNING_KEY", "s" * 32),
        ("SIGNING_KEY", "?" * 44),
        ("MONGO_URI", ""),
        ("REDIS_URL", ""),
        ("CLIENT_ORIGIN", "https://app.example.com, *"),
    ):
        assert faults(**{**PRODUCTION, name: value}) == {name}
    video = {"LIVEKIT_URL": "wss://a", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s" * 31}
    assert faults(**PRODUCTION, **video) == {"LIVEKIT_API_SECRET"}
    required = {"JWT_SECRET", "SIGNING_KEY", "MONGO_URI", "REDIS_URL"}
    assert faults(APP_ENV="production") == required
    assert faults(APP_ENV="test") == {"JWT_SECRET"}


def test_no_secret_is_in_a_printed_setting() -> None:
    secrets = {
        "JWT_SECRET": "hidden-jwt-secret-of-thirty-two-bytes",
        "SIGNING_KEY": "hiddensigningkeyhiddensigningkeyhiddensign8=",
        "PASSWORD_PEPPER": "hidden-pepper",
        "MONGO_URI": "mongodb://me:hidden-mongo@db",
        "REDIS_URL": "redis://:hidden-redis@db",
        "METRICS_TOKEN": "hidden-metrics",
        "SENDGRID_API_KEY": "hidden-sendgrid",
        "TWILIO_AUTH_TOKEN": "hidden-twilio",
        "LIVEKIT_API_SECRET": "hidden-livekit",
        "TURN_SECRET": "hidden-turn",
    }
    others = {"LIVEKIT_URL": "wss://a", "LIVEKIT_API_KEY": "k", "TURN_URLS": "turn:a"}
    settings = Settings.from_env({**secrets, **others})
    assert {getattr(settings, name.lower()) for name in secrets} == set(secrets.values())
    assert "hidden" not in repr(settings)


def test_a_secret_that_is_wrong_is_not_told() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(
            dict.fromkeys(("JWT_SECRET", "SIGNING_KEY", "MONGO_URI", "REDIS_URL"), "hidden")
        )
    assert "hidden" not in str(refused.value)


def test_processes_that_start_at_once_agree_on_development_s_secret(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from interview_platform.core.settings import development_secret;"
        "sys.stdin.read(1); print(development_secret(Path(sys.argv[1])))"
    )
    path = tmp_path / "new" / "var" / "jwt-secret"
    start, release = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            cwd=ROOT,
            stdin=start,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    os.close(start)
    os.write(release, b"go now")
    os.close(release)
    told = {process.communicate(timeout=30)[0].strip() for process in processes}
    assert told == {development_secret(path)}
    assert len(b64decode(told.pop())) == 32
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_development_makes_each_secret_that_it_may_go_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("JWT_SECRET", "SIGNING_KEY", "APP_ENV", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MONGO_URI", "mongodb://db")
    monkeypatch.setenv("REDIS_URL", "redis://db")
    made = Settings.load()
    assert made.jwt_secret != made.signing_key
    assert len(b64decode(made.signing_key)) == 32
    assert Settings.load() == made
    monkeypatch.setenv("SIGNING_KEY", PRODUCTION["SIGNING_KEY"])
    assert Settings.load() == replace(made, signing_key=PRODUCTION["SIGNING_KEY"])


def test_a_data_dir_that_cannot_be_made_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.touch()
    for name in ("MONGO_URI", "REDIS_URL", "JWT_SECRET", "SIGNING_KEY", "APP_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MONGO_URI", "mongodb://db")
    monkeypatch.setenv("REDIS_URL", "redis://db")
    monkeypatch.setenv("DATA_DIR", str(file / "var"))
    with pytest.raises(SettingsError, match="DATA_DIR"):
        Settings.load()
