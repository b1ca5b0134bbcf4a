"""Errors a client gets when a request cannot be served; clients of OpenAI already look for these texts."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError


class ApiError(Exception):
    """Ends a request with an HTTP status and an error object in OpenAI's shape."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}}


def not_found(noun: str, id_: str) -> ApiError:
    """For an id that names nothing."""
    return ApiError(f"No {noun} found with id '{id_}'.", status=404)


def unreadable(error: ValidationError) -> ApiError:
    """Names the first fault of a body, and never repeats the value: it may be a user's words."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    param = _path(fault["loc"])[:100]
    if fault["type"] == "missing":
        return ApiError(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    return ApiError(f"Invalid value for '{param}': {fault['msg']}.", param=param, code="invalid_value")


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
