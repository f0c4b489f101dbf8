"""`/api/admin/candidates` and `/api/candidates/me`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bson import ObjectId
from flask import Response, jsonify, request

from ..auth.guard import current_actor
from ..core.errors import UnsupportedMediaType
from ..core.http import Blueprint, body_limit
from ..core.paging import PageRequest
from ..core.parsing import read_body, read_file
from . import schemas
from .csv_decoding import check_charset
from .csv_import import MAX_BYTES, CandidateFile
from .imports import CandidateImport
from .service import CandidateService

Body = dict[str, Any]

_CSV_EXAMPLE = (
    "name,email,phone,skills,tags,experienceYears,resumeUrl,timezone,notes\n"
    "Ada Lovelace,ada@example.com,+4930123456,Python|PostgreSQL,backend|remote,7,"
    "https://example.com/ada.pdf,Europe/Berlin,Met at the spring fair.\n"
)
_TEXT_TYPES = ("text/csv", "text/tab-separated-values")
_CSV_BODY = {
    "required": True,
    **body_limit(MAX_BYTES),
    "content": {
        "text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE},
        "text/tab-separated-values": {"schema": {"type": "string"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "contentMediaType": "text/csv",
                        "description": "The file.",
                    }
                },
            }
        },
    },
}


def candidates_blueprint(candidates: CandidateService, imports: CandidateImport) -> Blueprint:
    blueprint = Blueprint(
        "candidates",
        __name__,
        url_prefix="/api/admin/candidates",
        description="The pool of candidates.",
    )

    @blueprint.route("", methods=["POST"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.CandidateCreateSchema)
    @blueprint.response(201, schemas.CandidateCreatedSchema)
    def create(body: Body) -> Body:
        """Create a candidate; without a password, invite them."""
        user, profile = candidates.create(current_actor(), body)
        return {"user": user, "profile": profile}

    @blueprint.route("", methods=["GET"])
    @blueprint.arguments(schemas.CandidateQuery, location="query")
    @blueprint.response(200, schemas.CandidatePageSchema)
    def list_all(query: Body) -> Body:
        """List candidates, newest first; every filter narrows the list."""
        page = candidates.page(PageRequest.of(query, ObjectId), query)
        return {"candidates": page.items, "next": page.next}

    @blueprint.route("/<id:candidate_id>", methods=["GET"])
    @blueprint.response(200, schemas.CandidateEnvelope)
    def get(candidate_id: ObjectId) -> Body:
        """Return a candidate, named by the id of the account or of the profile."""
        return {"candidate": candidates.get(candidate_id)}

    @blueprint.route("/<id:candidate_id>", methods=["PATCH"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.CandidateUpdateSchema)
    @blueprint.response(200, schemas.CandidateEnvelope)
    def update(body: Body, candidate_id: ObjectId) -> Body:
        """Change a candidate, named by the id of the account or of the profile.

        A new `status` ends the account's sessions.
        """
        return {"candidate": candidates.update(current_actor(), candidate_id, body)}

    @blueprint.route(
        "/import",
        methods=["POST"],
        cost=20,
        errors=[
            HTTPStatus.LENGTH_REQUIRED,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        ],
    )
    @blueprint.doc(requestBody=_CSV_BODY)
    @blueprint.arguments(schemas.ImportQuery, location="query")
    @blueprint.response(200, schemas.ImportReportSchema)
    def import_csv(query: Body) -> Response:
        """Import candidates from a CSV file of up to 10,000 rows.

        Commas, semicolons or tabs stand between the cells. The first line names the columns:
        `name` and `email` are needed; `phone`, `skills`, `tags`, `experienceYears`,
        `resumeUrl`, `timezone` and `notes` are read too, others are passed over and named in
        the answer. A line before it may name the delimiter, as in `sep=;`. Within a cell,
        skills and tags stand apart by `|`, `;` or `,`.

        The file is in UTF-8, in UTF-16 with a byte order mark ("Unicode text" of Excel), or in
        Windows-1252 where the content type says so: `text/csv; charset=windows-1252`.

        A row that is not valid stops no other; all of them are counted, the first 1,000 listed.
        Text that a spreadsheet would run as a formula, for it begins with `=`, `+`, `-` or `@`,
        is not valid; a telephone number may begin with `+`. Rows with an e-mail address that
        an account or an earlier row has are skipped, and listed as `duplicates`. The line of a
        row is the one that it begins on, with the line breaks within cells counted.

        Nobody is written to unless `invite` is set. A candidate who was not invited can ask
        for a link to set a password under `/api/auth/password/forgot`.
        """
        content, charset = _uploaded()
        report = imports.run(
            current_actor(),
            CandidateFile(content, charset),
            dry_run=query["dryRun"],
            invite=query["invite"],
        )
        # As it is: what thousands of rejected rows look like would take long to dump.
        return jsonify(report)

    return blueprint


def own_profile_blueprint(candidates: CandidateService) -> Blueprint:
    blueprint = Blueprint(
        "own_profile",
        __name__,
        url_prefix="/api/candidates/me",
        description="What candidates see and say of themselves.",
    )

    @blueprint.route("", methods=["GET"], errors=[HTTPStatus.NOT_FOUND])
    @blueprint.response(200, schemas.OwnProfileEnvelope)
    def get() -> Body:
        """Return the caller's own profile."""
        return {"profile": candidates.own(current_actor())}

    @blueprint.route("", methods=["PUT"], errors=[HTTPStatus.NOT_FOUND])
    @blueprint.arguments(schemas.OwnProfileUpdateSchema)
    @blueprint.response(200, schemas.OwnProfileEnvelope)
    def update(body: Body) -> Body:
        """Change the caller's own profile; what is left out stays."""
        return {"profile": candidates.update_own(current_actor(), body)}

    return blueprint


def _uploaded() -> tuple[bytes, str | None]:
    """Return the file in the body and the encoding that its sender names, if any.

    The file is the body itself, or the part `file` of a form.
    """
    if request.mimetype in _TEXT_TYPES:
        charset = request.mimetype_params.get("charset")
        check_charset(charset)
        return read_body(MAX_BYTES), charset
    if request.mimetype == "multipart/form-data":
        uploaded = read_file("file", MAX_BYTES)
        if uploaded is not None:
            charset = request.files["file"].mimetype_params.get("charset")
            check_charset(charset)
            return uploaded, charset
    raise UnsupportedMediaType("Send a CSV file, as text/csv or as the part file of a form")
