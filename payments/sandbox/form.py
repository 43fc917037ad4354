"""Stripe's form encoding (`a[b][0][c]=v`) turned into nested values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from payments.sandbox.errors import ApiError

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_DEPTH = 8


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Names with brackets as dicts of dicts; list positions stay keys ("0") until a type makes a list.

    Raises:
        ApiError: a malformed name, or one name used both as a value and as a container.
    """
    tree: dict[str, Any] = {}
    for name, value in pairs:
        steps = _steps(name)
        here = tree
        for step in steps[:-1]:
            inner = here.setdefault(_position(here, step), {})
            if not isinstance(inner, dict):
                raise _malformed(name)
            here = inner
        last = _position(here, steps[-1])
        if last in here:
            raise _malformed(name)
        here[last] = value
    return tree


def _steps(name: str) -> list[str]:
    match = _NAME.match(name)
    if match is None:
        raise _malformed(name)
    steps = [match.group(1), *re.findall(r"\[([^\[\]]*)\]", match.group(2))]
    if len(steps) > _DEPTH:
        raise _malformed(name)
    return steps


def _position(here: dict[str, Any], step: str) -> str:
    """`expand[]=a&expand[]=b` counts up."""
    return step or str(len(here))


def _malformed(name: str) -> ApiError:
    return ApiError(f"Invalid request: malformed parameter name {name!r}", param=name, is_stored=False)
