"""
Writes what follows from the server's description: models, parameters and routes. `--check` only says whether what is
there is what it would write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

from naming import CLASS_NAMES, DOCUMENTED_FIELDS, INLINE_NAMES, snake_case

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT.parent / "packages/contract/src/api/fastvm/openapi.json"
TARGET = ROOT / "src" / "fastvm" / "_generated"
HEADER = '"""Made by tools/generate.py from packages/contract/src/api/fastvm/openapi.json; not to be edited."""\n'
MAX_LINE = 120

Json = Dict[str, Any]


class Schemas:
    """All named and inline objects of the description, each with the class that stands for it."""

    def __init__(self, document: Json) -> None:
        self.named: Dict[str, Json] = document["components"]["schemas"]
        self.objects: Dict[str, Json] = {}
        for name, fields in DOCUMENTED_FIELDS.items():
            self.named[name]["properties"] = {**fields, **self.named[name]["properties"]}
        for name, schema in self.named.items():
            if schema.get("type") == "object" and "properties" in schema:
                self.add(class_name(name), name, schema)

    def add(self, python_name: str, wire_name: str, schema: Json) -> None:
        self.objects[python_name] = schema
        for field, inner in schema["properties"].items():
            if is_inline_object(inner):
                self.add(inline_name(wire_name, field), f"{wire_name}.{field}", inner)

    def resolve(self, schema: Json) -> Tuple[str, Json]:
        name = schema["$ref"].rsplit("/", 1)[1]
        return name, self.named[name]

    def type_of(self, schema: Json, owner: str, field: str, suffix: str = "") -> str:
        """As a Python annotation."""
        if "$ref" in schema:
            name, target = self.resolve(schema)
            if target.get("type") == "object" and "properties" in target:
                return class_name(name) + suffix
            return self.type_of(target, owner, field, suffix)
        if "anyOf" in schema:
            options = [self.type_of(option, owner, field, suffix) for option in schema["anyOf"]]
            return union(options)
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return union([self.plain_type(kind, schema, owner, field, suffix) for kind in kinds])

    def plain_type(self, kind: str, schema: Json, owner: str, field: str, suffix: str) -> str:
        if kind == "array":
            return f"List[{self.type_of(schema['items'], owner, field, suffix)}]"
        if kind == "object":
            if is_inline_object(schema):
                return inline_name(owner, field) + suffix
            return "Dict[str, str]" if schema.get("additionalProperties") else "Dict[str, Any]"
        if kind == "string":
            if suffix:
                return "str"
            return "datetime" if schema.get("format") == "date-time" else "str"
        return {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}[kind]

    def shape_of(self, schema: Json, owner: str, field: str) -> str:
        """As the value by which `_model` reads and writes it; empty for what is taken as it is."""
        if "$ref" in schema:
            name, target = self.resolve(schema)
            if target.get("type") == "object" and "properties" in target:
                return f'Ref("{class_name(name)}")'
            return self.shape_of(target, owner, field)
        if "anyOf" in schema:
            parts = [self.shape_of(option, owner, field) for option in schema["anyOf"]]
            flat = flattened([part for part in parts if part])
            return flat[0] if len(flat) == 1 else f"OneOf({', '.join(flat)})" if flat else ""
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if "array" in kinds:
            inner = self.shape_of(schema["items"], owner, field)
            return f"Many({inner})" if inner else ""
        if is_inline_object(schema):
            return f'Ref("{inline_name(owner, field)}")'
        return "MOMENT" if schema.get("format") == "date-time" else ""


def flattened(parts: List[str]) -> List[str]:
    return [each for part in parts for each in (part[6:-1].split(", ") if part.startswith("OneOf(") else [part])]


def class_name(wire_name: str) -> str:
    return CLASS_NAMES.get(wire_name, wire_name)


def inline_name(owner: str, field: str) -> str:
    path = f"{owner}.{field}"
    last = path.split(".")[-1]
    return INLINE_NAMES.get(path) or INLINE_NAMES.get(last) or "".join(
        part[0].upper() + part[1:] for part in [class_name(path.split(".")[0]), *path.split(".")[1:]]
    )


def is_inline_object(schema: Json) -> bool:
    kinds = schema.get("type", [])
    return ("object" in kinds) and bool(schema.get("properties"))


def union(options: List[str]) -> str:
    seen: List[str] = []
    for part in [part for option in options for part in members(option)]:
        if part not in seen:
            seen.append(part)
    rest = [part for part in seen if part != "None"]
    joined = rest[0] if len(rest) == 1 else f"Union[{', '.join(rest)}]"
    return f"Optional[{joined}]" if "None" in seen else joined


def members(annotation: str) -> List[str]:
    """Of a union, which holds no other brackets with a comma in them than its own."""
    if annotation.startswith("Optional["):
        return [*members(annotation[9:-1]), "None"]
    return annotation[6:-1].split(", ") if annotation.startswith("Union[") else [annotation]


def optional(annotation: str) -> str:
    return annotation if annotation.startswith("Optional[") else f"Optional[{annotation}]"


def owner_of(schemas: Schemas, python_name: str) -> str:
    for name in schemas.named:
        if class_name(name) == python_name:
            return name
    return python_name


def models(schemas: Schemas) -> str:
    out = [HEADER, "from __future__ import annotations\n"]
    out.append("from dataclasses import dataclass\nfrom datetime import datetime\nfrom typing import Any, ClassVar, Dict, List, Optional, Union\n")
    out.append("from .._model import MOMENT, Many, Model, OneOf, Ref, Shape\n")
    for name, schema in sorted(schemas.objects.items()):
        out.append(model(schemas, name, schema))
    return "\n".join(out)


def model(schemas: Schemas, name: str, schema: Json) -> str:
    owner = owner_of(schemas, name)
    required = set(schema.get("required", []))
    fields = sorted(schema["properties"].items(), key=lambda item: item[0] not in required)
    lines = ["", "@dataclass(eq=False, repr=False)", f"class {name}(Model):"]
    if schema.get("description"):
        lines += docstring(schema["description"], 4) + [""]
    wire: List[str] = []
    shapes: List[str] = []
    body: List[str] = []
    for field, inner in fields:
        attribute = snake_case(field)
        annotation = schemas.type_of(inner, owner, field)
        body.append(f"    {attribute}: {annotation}" if field in required else f"    {attribute}: {optional(annotation)} = None")
        if inner.get("description"):
            body += docstring(inner["description"], 4)
        if attribute != field:
            wire.append(f'        "{attribute}": "{field}",')
        shape = schemas.shape_of(inner, owner, field)
        if shape:
            shapes.append(f'        "{attribute}": {shape},')
    lines += body or ["    pass"]
    lines += table("_wire_names: ClassVar[Dict[str, str]]", wire) + table("_shapes: ClassVar[Dict[str, Shape]]", shapes)
    return "\n".join(lines) + "\n"


def table(name: str, rows: List[str]) -> List[str]:
    return ["", f"    {name} = {{", *rows, "    }"] if rows else []


def docstring(text: str, indent: int) -> List[str]:
    pad = " " * indent
    whole = f'{pad}"""{text}"""'
    if len(whole) <= MAX_LINE:
        return [whole]
    lines, line = [f'{pad}"""'], pad
    for word in text.split():
        if len(line) + len(word) + 1 > MAX_LINE:
            lines.append(line.rstrip())
            line = pad
        line += word + " "
    return [*lines, line.rstrip(), f'{pad}"""']


def inputs(schemas: Schemas, document: Json) -> List[str]:
    """Objects that callers write, in the order of their names; the bodies themselves are keywords of methods."""
    found: Set[str] = set()

    def visit(schema: Json, owner: str, field: str) -> None:
        if "$ref" in schema:
            name, target = schemas.resolve(schema)
            if "properties" in target:
                collect(class_name(name), name, target)
            else:
                visit(target, name, field)
        for option in schema.get("anyOf", []):
            visit(option, owner, field)
        if "items" in schema:
            visit(schema["items"], owner, field)
        if is_inline_object(schema):
            collect(inline_name(owner, field), f"{owner}.{field}", schema)

    def collect(python_name: str, owner: str, schema: Json) -> None:
        if python_name in found:
            return
        found.add(python_name)
        for field, inner in schema["properties"].items():
            visit(inner, owner, field)

    bodies = []
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            if "application/json" in content:
                schema = content["application/json"]["schema"]
                bodies.append(class_name(schema["$ref"].rsplit("/", 1)[1]))
                visit(schema, "", "")
    return sorted(found - {body for body in bodies if body.endswith("Body")})


def params(schemas: Schemas, document: Json) -> str:
    out = [HEADER, "from __future__ import annotations\n"]
    out.append("from typing import Dict, List, Optional, TypedDict, Union\n")
    for name in inputs(schemas, document):
        schema = schemas.objects[name]
        owner = owner_of(schemas, name)
        required = schema.get("required", [])
        rows = {field: schemas.type_of(inner, owner, field, "Param") for field, inner in schema["properties"].items()}
        must = [f"    {snake_case(field)}: {row}" for field, row in rows.items() if field in required]
        may = [f"    {snake_case(field)}: {row}" for field, row in rows.items() if field not in required]
        if must and may:
            out.append(f"\nclass _{name}Required(TypedDict):\n" + "\n".join(must) + "\n")
            out.append(f"\nclass {name}Param(_{name}Required, total=False):\n" + "\n".join(may) + "\n")
        else:
            out.append(f"\nclass {name}Param(TypedDict{'' if must else ', total=False'}):\n" + "\n".join(must or may) + "\n")
    return "\n".join(out)


def routes(schemas: Schemas, document: Json) -> str:
    out = [HEADER, "from __future__ import annotations\n", "from typing import List\n", "from .._model import Many, OneOf, Ref\nfrom .._route import Route"]
    used: Set[str] = set()
    rows: List[str] = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            answer, shape = answer_of(schemas, operation)
            if answer is None:
                continue
            used.update(part for part in [answer.replace("List[", "").replace("]", "")] if part != "None")
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            extras = f", answer={shape}" if shape else ""
            extras += f", body={schemas.shape_of(body, '', '')}" if body else ""
            constant = snake_case(operation["operationId"]).upper()
            row = f'{constant}: Route[{answer}] = Route("{method.upper()}", "{path}"{extras})'
            if len(row) > MAX_LINE:
                row = f'{constant}: Route[{answer}] = Route(\n    "{method.upper()}", "{path}"{extras}\n)'
            rows.append(row)
    imports = "".join(f"    {name},\n" for name in sorted(used))
    out.append(f"from .models import (\n{imports})\n")
    return "\n".join(out + rows) + "\n"


def answer_of(schemas: Schemas, operation: Json) -> Tuple[Any, str]:
    """The answer's type and shape; none for one without a body or with one that is read as it comes, no type for what is not called."""
    for status, response in operation["responses"].items():
        if status == "204":
            return "None", ""
        content = response.get("content", {})
        if status.startswith("2") and content and content.keys() <= {"application/octet-stream", "application/x-ndjson"}:
            return "None", ""
        schema = content.get("application/json", {}).get("schema")
        if status.startswith("2") and schema is not None and ("$ref" in schema or schema.get("type") == "array"):
            return schemas.type_of(schema, "", ""), schemas.shape_of(schema, "", "")
    return None, ""


def main() -> int:
    document = json.loads(SOURCE.read_text(encoding="utf-8"))
    schemas = Schemas(document)
    files = {"models.py": models(schemas), "params.py": params(schemas, document), "routes.py": routes(schemas, document)}
    stale = [name for name, text in files.items() if not is_equal(TARGET / name, text)]
    if "--check" in sys.argv:
        for name in stale:
            print(f"{name} is not what the description gives; run sdk-python/tools/generate.py")
        return 1 if stale else 0
    for name, text in files.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    return 0


def is_equal(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
