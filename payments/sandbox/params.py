"""Which parameters a call may carry: read from the TypedDicts that the installed `stripe` ships.

The types give names, nesting, scalars and vocabularies, so an upgrade of the package changes what is refused
here. They mark nothing as required, so that is ours to say, in `session_rules.py` and `refunds.py`.
"""

from __future__ import annotations

import sys
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

from stripe import RequestOptions

from payments.sandbox.errors import ApiError, refused_parameter

_REMOVED = {
    ("SessionCreateParams", "payment_method_types"): (
        "payment_method_types_no_longer_supported",
        "`payment_method_types` is no longer supported. Use `allowed_payment_method_types` or "
        "`excluded_payment_method_types` instead.",
    ),
}
_SCALARS = {str: "string", int: "integer", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class Accepts:
    """What one place in the tree may hold; several may be set where the type is a union."""

    scalar: str | None = None
    words: frozenset[str] = frozenset()
    item: Accepts | None = None
    is_map: bool = False
    typed_dict: type | None = None


def checked(typed_dict: type, raw: dict[str, Any], at: str = "") -> dict[str, Any]:
    """The values with their types, every name known.

    Raises:
        ApiError: `parameter_unknown`, `parameter_invalid_integer`, or a value outside its vocabulary; not
            stored under an idempotency key.
    """
    names = fields(typed_dict)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        path = f"{at}[{name}]" if at else name
        if (typed_dict.__name__, name) in _REMOVED:
            code, message = _REMOVED[(typed_dict.__name__, name)]
            raise refused_parameter(message, path, code)
        if name not in names:
            raise refused_parameter(f"Received unknown parameter: {path}", path, "parameter_unknown")
        values[name] = _value(accepted(typed_dict, name), value, path)
    return values


@cache
def fields(typed_dict: type) -> frozenset[str]:
    """Names of a call's own parameters; those that steer the client (key, version, retries) are left out."""
    return frozenset(typed_dict.__annotations__) - frozenset(RequestOptions.__annotations__)


@cache
def accepted(typed_dict: type, name: str) -> Accepts:
    """What one parameter of a call may hold."""
    return _read(typed_dict.__annotations__[name], vars(sys.modules[typed_dict.__module__]))


def _read(hint: Any, names: dict[str, Any]) -> Accepts:
    if isinstance(hint, typing.ForwardRef):
        # The package's own source text, never anything a caller sent.
        hint = eval(hint.__forward_arg__, names)  # noqa: S307
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.NotRequired:
        return _read(inner[0], names)
    if origin is typing.Literal:
        return Accepts(scalar="string", words=frozenset(str(word) for word in inner))
    if origin is list:
        return Accepts(item=_read(inner[0], names))
    if origin is dict:
        return Accepts(is_map=True)
    if hint in _SCALARS:
        return Accepts(scalar=_SCALARS[hint])
    if inner:
        return _union([_read(part, names) for part in inner])
    if hasattr(hint, "__total__"):
        return Accepts(typed_dict=hint)
    return Accepts(scalar="string")


def _union(parts: list[Accepts]) -> Accepts:
    """`Literal[...] | str` keeps the words: the types leave the vocabulary open, the pinned API does not."""
    return Accepts(
        scalar=next((part.scalar for part in parts if part.scalar), None),
        words=frozenset().union(*(part.words for part in parts)),
        item=next((part.item for part in parts if part.item), None),
        is_map=any(part.is_map for part in parts),
        typed_dict=next((part.typed_dict for part in parts if part.typed_dict), None),
    )


def _value(accepts: Accepts, value: Any, path: str) -> Any:
    if isinstance(value, dict):
        if accepts.item is not None:
            ordered = sorted(value.items(), key=lambda pair: _index(pair[0], path))
            return [_value(accepts.item, inner, f"{path}[{index}]") for index, inner in ordered]
        if accepts.is_map:
            return _metadata(value, path)
        if accepts.typed_dict is not None:
            return checked(accepts.typed_dict, value, path)
        raise refused_parameter(
            f"Invalid {accepts.scalar}: {path} is an object", path, "parameter_invalid_value"
        )
    if accepts.is_map and value == "":
        return {}
    if accepts.scalar is None:
        raise refused_parameter(f"Invalid {'array' if accepts.item else 'object'}", path)
    return _scalar(accepts, str(value), path)


def _scalar(accepts: Accepts, value: str, path: str) -> Any:
    if accepts.words and value not in accepts.words:
        known = ", ".join(sorted(accepts.words))
        raise refused_parameter(f"Invalid {path}: must be one of {known}", path)
    if accepts.scalar == "integer":
        try:
            return int(value)
        except ValueError:
            raise refused_parameter(f"Invalid integer: {value}", path, "parameter_invalid_integer") from None
    if accepts.scalar == "boolean":
        if value not in ("true", "false"):
            raise refused_parameter(f"Invalid boolean: {value}", path)
        return value == "true"
    return value


def _index(text: str, path: str) -> int:
    if not text.isdigit():
        raise refused_parameter("Invalid array", path)
    return int(text)


def _metadata(value: dict[str, Any], path: str) -> dict[str, str]:
    """Up to 50 keys of 40 characters with values of 500, as Stripe keeps them."""
    if len(value) > 50:
        raise refused_parameter("Metadata can have at most 50 keys", path)
    for name, inner in value.items():
        at = f"{path}[{name}]"
        if isinstance(inner, dict):
            raise refused_parameter("Metadata values must be strings", at)
        if len(name) > 40 or len(inner) > 500:
            raise refused_parameter("Metadata keys have at most 40 and values at most 500 characters", at)
    return {name: inner for name, inner in value.items() if inner != ""}


def require_supported(given: dict[str, Any], supported: dict[str, Any], at: str = "") -> None:
    """Refuse what Stripe knows and this sandbox does not, instead of passing over it in silence.

    `supported` maps a name to None (any value) or to the same kind of table for what is nested.

    Raises:
        ApiError: code `sandbox_unsupported_parameter`.
    """
    for name, value in given.items():
        path = f"{at}[{name}]" if at else name
        if name not in supported:
            raise ApiError(
                f"The sandbox does not act on `{path}`, although Stripe would.",
                code="sandbox_unsupported_parameter",
                param=path,
                is_stored=False,
            )
        inner = supported[name]
        if inner is None:
            continue
        for index, part in enumerate(value if isinstance(value, list) else [value]):
            require_supported(part, inner, f"{path}[{index}]" if isinstance(value, list) else path)
