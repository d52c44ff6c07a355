"""The JSON Schema of template.yaml: what editors complete and check while a designer types.

Made from the same models that check a design, so the two cannot disagree. Beside what a rendered document may
say, a design's own file may hold templates for any value, and `visible` and `at` on every layer.
"""

from copy import deepcopy
from typing import Any

from pipeline.document import Document
from pipeline.sizing import ASPECTS, SCALES

Schema = dict[str, Any]

_NOT_WRITTEN = ("name", "locale", "currency", "assets", "logo")
"""What rendering adds to a document."""
_TEMPLATE: Schema = {"type": "string", "pattern": r"\{\{|\{%"}
_CONDITION = (
    r"^(\d+x\d+|(({words})|(ratio|width|height)(<=|>=|<|>)\d+(\.\d+)?)"
    r"( +(({words})|(ratio|width|height)(<=|>=|<|>)\d+(\.\d+)?))*)$"
).replace("{words}", "|".join((*ASPECTS, *SCALES)))


def json_schema() -> Schema:
    """The schema as a JSON value, draft 2020-12."""
    schema = Document.model_json_schema(mode="validation")
    definitions: Schema = schema.pop("$defs")
    for name in _NOT_WRITTEN:
        schema["properties"].pop(name)
    schema["required"] = [name for name in schema["required"] if name not in _NOT_WRITTEN]
    definitions["Document"] = schema
    layers = [name for name, each in definitions.items() if "type" in each.get("properties", {})]
    for name in ("Document", *layers):
        _add_overrides(name, definitions)
    for each in definitions.values():
        for field, value in each.get("properties", {}).items():
            if field not in ("type", "at", "areas", "layers", "children"):
                each["properties"][field] = _or_template(value)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A banner design (template.yaml)",
        "$ref": "#/$defs/Document",
        "$defs": definitions,
    }


def _add_overrides(name: str, definitions: Schema) -> None:
    """`visible`, and `at` with what a size may say instead: any of the model's fields, none of them due."""
    model = definitions[name]
    if name != "Document":
        model["properties"]["visible"] = {
            "description": "Whether it is drawn: true, false, or a template: {{ copy.cta is defined }}.",
            "type": ["boolean", "string", "number"],
        }
    fields = {field: deepcopy(value) for field, value in model["properties"].items() if field != "type"}
    definitions[f"{name}At"] = {"type": "object", "additionalProperties": False, "properties": fields}
    model["properties"]["at"] = {
        "description": "What is different at some sizes, by size class, breakpoint or exact size.",
        "type": "object",
        "propertyNames": {"pattern": _CONDITION},
        "additionalProperties": {"$ref": f"#/$defs/{name}At"},
    }


def _or_template(value: Schema) -> Schema:
    kept = {key: value[key] for key in ("default", "description", "title") if key in value}
    rest = {key: each for key, each in value.items() if key not in kept}
    return kept | {"anyOf": [rest, _TEMPLATE]}
