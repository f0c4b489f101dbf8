"""The application factory: a table of contents of the service."""

from __future__ import annotations

import re

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from . import __version__
from .auth import guard
from .auth.routes import auth_blueprint, users_blueprint
from .auth.tokens import Tokens
from .candidates.routes import candidates_blueprint, own_profile_blueprint
from .coding_tasks.routes import coding_tasks_blueprint
from .core import http, mongo, queueing
from .core import logging as service_logging
from .core.docs_page import docs_blueprint
from .core.draining import Draining
from .core.settings import Settings
from .dashboards.routes import dashboard_blueprint
from .health.liveness import Liveness
from .health.metrics import Metrics
from .health.routes import blueprint as health_blueprint
from .health.service import HealthService
from .interviews.routes import (
    interviews_blueprint,
    own_interviews_blueprint,
    scheduling_blueprint,
)
from .lots.routes import lots_blueprint
from .media.routes import media_blueprint, webhooks_blueprint
from .privacy.routes import privacy_blueprint
from .realtime import setup as realtime
from .telemetry.routes import attention_blueprint
from .timeline.record_routes import record_blueprint
from .timeline.routes import timeline_blueprint
from .wiring import Services

_DESCRIPTION = """\
Requests and answers are JSON. Values are of the type that a field declares: `true` and `false`
are the only booleans, in queries too, and a number in quotes is text. Unknown fields are refused.

Each request body states how much it may hold, as `x-maxBytes`. Some statuses may answer any
request, since they are about HTTP itself: 400, 405, 408, 414, 417, 429, 431 and 501. Requests
beyond what one person may send get 429, with the seconds to wait in `Retry-After`.
"""


def create_app(settings: Settings | None = None) -> Flask:
    """Build the web application out of `settings` (default: the environment's)."""
    settings = settings or Settings.load()
    service_logging.configure(settings.log_level, json_lines=settings.production)
    app = Flask("smart-interview", static_folder=None)
    # For `core/gunicorn`, which makes the application first and listens then.
    app.config["CONNECTIONS_PER_ADDRESS"] = settings.connections_per_address
    app.config["TRUSTED_PROXIES"] = settings.trusted_proxies
    services = Services(settings)
    tokens = Tokens(app, settings)
    authenticator = guard.Authenticator(tokens, services.auth)
    metrics = Metrics()

    http.install(app)
    guard.install(app, authenticator, services.request_limit)
    metrics.observe(app)
    _allow_origins(app, settings)
    app.extensions["services"] = services
    app.extensions["draining"] = Draining()

    api = _openapi(app)
    for blueprint in (
        health_blueprint(_health(services), metrics, settings),
        auth_blueprint(services.auth, tokens),
        users_blueprint(services.accounts),
        candidates_blueprint(services.candidates, services.candidate_import),
        own_profile_blueprint(services.candidates),
        lots_blueprint(services.lots, services.draws),
        coding_tasks_blueprint(services.coding_tasks),
        scheduling_blueprint(services.scheduling, services.interviews),
        interviews_blueprint(services.interviews, services.life_cycle),
        own_interviews_blueprint(services.interviews),
        media_blueprint(services.media),
        webhooks_blueprint(services.room_reports),
        attention_blueprint(services.interview_attention.report),
        record_blueprint(services.record),
        timeline_blueprint(services.timeline),
        privacy_blueprint(services.personal_export, services.erasure),
        dashboard_blueprint(services.dashboard),
    ):
        api.register_blueprint(blueprint)
    app.register_blueprint(docs_blueprint("/api/docs", "/api/openapi.json", "Smart Interview API"))
    guard.check_rules(app)
    app.wsgi_app = Liveness(app.wsgi_app, metrics)  # type: ignore[method-assign]
    connections = realtime.install(app, settings, _realtime_parts(services, authenticator))
    metrics.gauges(
        {
            "open_sockets": lambda: len(connections),
            "session_log_waiting": lambda: services.session_log.waiting,
            "gaze_waiting_bytes": lambda: services.gaze.waiting,
            "broadcasts_published": lambda: services.broadcaster.published,
            "broadcasts_dropped": lambda: services.broadcaster.dropped,
            "queue_depth": services.queue.depth,
            "queue_oldest_age_seconds": services.queue.oldest_age,
        }
    )

    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        # Not the host: where the proxies do not set it, anybody could.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    return app


def _realtime_parts(services: Services, authenticator: guard.Authenticator) -> realtime.Parts:
    return realtime.Parts(
        authenticator=authenticator,
        auth=services.auth,
        admission=services.admission,
        editor=services.editor,
        editing_pool=services.editing,
        session_log=services.session_log,
        broadcaster=services.broadcaster,
        limits=services.limits,
        presence=services.presence,
        consents=services.consents,
        gaze=services.gaze,
        dashboard=services.shared_dashboard,
        media=services.media_participants,
    )


def _allow_origins(app: Flask, settings: Settings) -> None:
    CORS(
        app,
        # Not as texts: those with an IPv6 address would be taken for regular expressions.
        origins=[
            origin if origin == "*" else re.compile(rf"{re.escape(origin)}\Z")
            for origin in settings.client_origins
        ],
        allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
        expose_headers=["X-Request-Id", "Retry-After"],
        max_age=600,
        # Of answers to what is no browser's call from elsewhere, nothing has to be said.
        always_send=False,
        # Answers to errors pass the same hook as others.
        intercept_exceptions=False,
    )


def _health(services: Services) -> HealthService:
    return HealthService(
        {
            "mongo": lambda: mongo.answers(services.store),
            "redis": lambda: bool(services.redis.ping()),
            "worker": lambda: queueing.workers_alive(services.redis),
        }
    )


def _openapi(app: Flask) -> http.Api:
    app.config.update(
        API_TITLE="Smart Interview API",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={"info": {"description": _DESCRIPTION}},
    )
    app.extensions["refusals"] = guard.refusals
    api = http.Api(app)
    api.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )
    return api
