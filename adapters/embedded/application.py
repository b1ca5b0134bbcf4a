"""The server as an aiohttp application: the same routes at OpenAI's and at Azure's addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from adapters.embedded.door import door
from adapters.embedded.http import MAX_BODY_BYTES

ROOTS = ("/v1", "/openai", "/openai/v1")
"""OpenAI's root, Azure's with `?api-version=`, and Azure's newer one. Any api-version is taken."""


class Resource(Protocol):
    """One kind of object and its routes."""

    def routes(self) -> list[web.RouteDef]:
        """Paths below the API's root."""
        ...


def create_app(*, api_key: str, resources: Iterable[Resource]) -> web.Application:
    """All routes behind the door."""
    app = web.Application(middlewares=[door(api_key)], client_max_size=MAX_BODY_BYTES)
    for resource in resources:
        for root in ROOTS:
            app.add_routes([web.route(r.method, root + r.path, r.handler) for r in resource.routes()])
    return app
