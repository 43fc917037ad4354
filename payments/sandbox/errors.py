"""The errors the API answers with, in Stripe's shape."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than 2xx.

    `is_stored` says whether an idempotency key remembers it: Stripe stores what an endpoint decided, and
    forgets what was refused before the endpoint began (unknown parameters, a key in use, a rate limit).
    `keeps_effect` is a refusal that changed something all the same: a declined attempt stays on its intent.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        is_stored: bool = True,
        headers: dict[str, str] | None = None,
        members: dict[str, Any] | None = None,
        keeps_effect: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.kind = kind
        self.is_stored = is_stored
        self.headers = headers or {}
        self.members = members or {}
        self.keeps_effect = keeps_effect

    def body(self) -> dict[str, Any]:
        """The JSON answer; absent members are left out, as Stripe does."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        error |= {name: value for name, value in self.members.items() if value is not None}
        return {"error": error}


def refused_parameter(message: str, param: str, code: str | None = None) -> ApiError:
    """A parameter that fails validation, so that the endpoint never begins and no key remembers it."""
    return ApiError(message, code=code, param=param, is_stored=False)


def missing_object(kind: str, object_id: str, param: str, *, status: int = 404) -> ApiError:
    """`resource_missing`: 404 for the object a URL names, 400 for one that a parameter names."""
    return ApiError(f"No such {kind}: '{object_id}'", status=status, code="resource_missing", param=param)
