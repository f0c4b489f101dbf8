"""What can go wrong, in the words of the wire contract: each error has one status and one code."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

FieldErrors = Mapping[str, Any]


class ServiceError(Exception):
    """An error that its caller is told about.

    `code` is its short name on sockets, `status` its HTTP status; `errors` maps fields to
    what is wrong with them, and `location` says where those fields came from.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"
    retry_after: int | None = None

    def __init__(
        self, message: str, errors: FieldErrors | None = None, location: str = "json"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = errors
        self.location = location


class BadRequest(ServiceError):
    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"


class RequestTimeout(ServiceError):
    status = HTTPStatus.REQUEST_TIMEOUT
    code = "request_timeout"

    def __init__(self) -> None:
        super().__init__("The request took too long to arrive")


class Unauthorized(ServiceError):
    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"

    def __init__(self, message: str = "Authentication required") -> None:
        super().__init__(message)


class Forbidden(ServiceError):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"

    def __init__(self, message: str = "Not allowed for this role") -> None:
        super().__init__(message)


class NotFound(ServiceError):
    """No such thing, or none that this caller may know of: the two are the same to the letter."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"

    def __init__(self, message: str = "Not found") -> None:
        super().__init__(message)


class Conflict(ServiceError):
    status = HTTPStatus.CONFLICT
    code = "conflict"


class Invalid(ServiceError):
    """Input of the right form with values that cannot be taken."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"

    def __init__(self, errors: FieldErrors, location: str = "json") -> None:
        super().__init__("Some fields are not valid", errors, location)


class UnsupportedMediaType(ServiceError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class TooLarge(ServiceError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class TooManyRequests(ServiceError):
    """Asked too often; `retry_after` is in seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"

    def __init__(
        self, retry_after: int, message: str = "Too many attempts, try again later"
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """A part that this needs is away for now; `retry_after` is in seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(self, message: str = "Temporarily unavailable", retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after
