"""What browsers let the service's own pages do, and pages elsewhere do with them."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser

import pytest
import requests
from flask import Flask

from interview_platform.core import http
from interview_platform.core.headers import PLAIN_HEADERS
from interview_platform.core.pages import html_page
from tests.live import WebProcess
from tests.service import Company

DOCS = "/api/docs"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def policy_of(header: str) -> dict[str, list[str]]:
    """Return the sources that a policy allows, by directive."""
    directives = [part.split() for part in header.split(";")]
    assert len({name for name, *_ in directives}) == len(directives)
    return {name: sources for name, *sources in directives}


class Document(HTMLParser):
    """The elements of a page, with their attributes, and the text within its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("script", "style"):
            self.inline += data.strip()


@pytest.mark.parametrize(
    "path",
    [DOCS, f"{DOCS}/", f"{DOCS}/swagger-ui.css", "/api/openapi.json", "/api/nowhere", "/health"],
)
def test_every_answer_has_a_policy_that_forbids_framing(company: Company, path: str) -> None:
    [header] = company.anyone.get(path).headers.getlist("Content-Security-Policy")
    policy = policy_of(header)
    assert policy["frame-ancestors"] == policy["default-src"] == policy["base-uri"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*"} & {*policy.get("script-src", ())}
    assert ("script-src" in policy) == (path.rstrip("/") == DOCS)


@pytest.mark.parametrize("path", ["/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3"])
def test_answers_of_socketio_have_the_headers_of_all_others(web: WebProcess, path: str) -> None:
    headers = requests.get(f"{web.url}{path}", timeout=10).headers
    assert PLAIN_HEADERS.items() <= dict(headers).items()


def test_a_page_that_says_nothing_may_do_nothing() -> None:
    app = Flask("pages", static_folder=None)
    http.install(app)
    app.add_url_rule("/silent", "silent", lambda: "<p>Hello</p>")
    app.add_url_rule("/scripted", "scripted", lambda: html_page("<p>", script_src="'self'"))
    client = app.test_client()
    silent, scripted = (
        policy_of(client.get(path).headers["Content-Security-Policy"])
        for path in ("/silent", "/scripted")
    )
    assert {source for sources in silent.values() for source in sources} == {"'none'"}
    assert scripted == {**silent, "script-src": ["'self'"]}


def test_the_docs_page_holds_nothing_that_its_policy_forbids(company: Company) -> None:
    answer = company.anyone.get(DOCS)
    policy = policy_of(answer.headers["Content-Security-Policy"])
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    document = Document(answer.text)
    assert document.inline == ""
    loaded = []
    for tag, attributes in document.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        if tag in ("script", "link"):
            loaded.append(attributes.get("src") or attributes.get("href") or "")
    assert len(loaded) >= 4
    for path in loaded:
        assert path.startswith(f"{DOCS}/")
        assert company.anyone.get(path).status_code == 200, path
    setup = company.anyone.get(f"{DOCS}/setup.js")
    assert '"/api/openapi.json"' in setup.text
    assert setup.headers["Content-Type"].startswith("text/javascript")


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_browser_shows_the_docs_page_without_a_violation(web: WebProcess) -> None:
    assert BROWSER is not None
    shown = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"{web.url}{DOCS}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in shown.stderr.splitlines() if ":CONSOLE" in line]
    assert console == []
    assert 'id="operations-auth-' in shown.stdout
