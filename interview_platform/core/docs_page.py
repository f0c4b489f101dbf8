"""The page that shows the OpenAPI document: Swagger UI, all of it served from here."""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, send_from_directory

from .json import dumps
from .pages import html_page

_ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
_SETUP = "setup.js"

# The package's own page sets itself up by an inline script, which its policy would forbid.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>{title}</title>
  <link rel="stylesheet" href="{prefix}/swagger-ui.css">
  <link rel="stylesheet" href="{prefix}/index.css">
  <link rel="icon" type="image/png" href="{prefix}/favicon-32x32.png">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="{prefix}/swagger-ui-bundle.js"></script>
  <script src="{prefix}/{setup}"></script>
</body>
</html>
"""
_SCRIPT = """SwaggerUIBundle({{
  url: {document},
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // the default sends the document's address to a public service
}});
"""


def docs_blueprint(prefix: str, document: str, title: str) -> Blueprint:
    """Return the page at `prefix` for the OpenAPI document at the path `document`."""
    blueprint = Blueprint("swagger_ui", __name__)
    page = _PAGE.format(prefix=prefix, setup=_SETUP, title=title)
    script = _SCRIPT.format(document=dumps(document).decode())

    # Without the slash too: a redirect would name the host that the request claims to be for.
    @blueprint.route(prefix)
    @blueprint.route(f"{prefix}/")
    @blueprint.route(f"{prefix}/<path:path>")
    def show(path: str = "") -> Response:
        if path == _SETUP:
            return Response(script, mimetype="text/javascript")
        if path:
            return send_from_directory(_ASSETS, path)
        return html_page(
            page,
            script_src="'self'",
            style_src="'self'",
            img_src="'self' data:",
            connect_src="'self'",
        )

    return blueprint
