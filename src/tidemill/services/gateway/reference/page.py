"""The description of the public API as a page: all is in it, the script only adds searching and trying."""

from collections.abc import Iterable
from html import escape
from typing import Any

from tidemill.services.gateway.reference.words import Json, default_of, marked, paragraphs, type_of

_VERBS = ("get", "post", "put", "delete")
_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API</title>
<link rel="icon" href="/api/docs/icon.svg">
<link rel="stylesheet" href="/api/docs/docs.css">
<script src="/api/docs/docs.js" defer></script>
</head>
<body>
<header>
<h1>{title} API <small>{version}</small></h1>
<form id="tools" hidden>
<label>Search <input id="search" type="search" placeholder="path, name or words" autocomplete="off"></label>
<label>Token <input id="token" type="password" autocomplete="off" placeholder="is not stored"></label>
</form>
</header>
"""
_FOOT = "</main>\n</body>\n</html>\n"


def page(document: Json) -> str:
    """The page for *document*."""
    info = document["info"]
    by_noun = _by_noun(document)
    parts = [
        _HEAD.format(title=escape(info["title"]), version=escape(info["version"])),
        _contents(by_noun),
        '<main>\n<section id="about">\n',
        paragraphs(info["description"]),
        '<p>The same for programs: <a href="/api/openapi.json">openapi.json</a>.</p>\n</section>\n',
    ]
    for tag in document["tags"]:
        parts += [f'<section id="{escape(tag["name"])}" class="noun">\n', _heading(tag)]
        parts += [_operation(document, *one) for one in by_noun[tag["name"]]]
        parts.append("</section>\n")
    parts += ['<section id="schemas">\n<h2>Schemas</h2>\n']
    parts += [_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return "".join([*parts, "</section>\n", _FOOT])


Operations = list[tuple[str, str, Json]]


def _by_noun(document: Json) -> dict[str, Operations]:
    """Verb, path and operation of each, by noun."""
    found: dict[str, Operations] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for verb in _VERBS:
            if verb in operations:
                found[operations[verb]["tags"][0]].append((verb, path, operations[verb]))
    return found


def _contents(by_noun: dict[str, Operations]) -> str:
    items = "".join(
        f'<li><a href="#{escape(noun)}">{escape(noun)}</a> <small>{len(operations)}</small></li>\n'
        for noun, operations in by_noun.items()
    )
    return f'<nav aria-label="Nouns">\n<ul>\n{items}<li><a href="#schemas">Schemas</a></li>\n</ul>\n</nav>\n'


def _heading(tag: Json) -> str:
    return f"<h2>{escape(tag['name'])}</h2>\n<p>{marked(tag['description'])}</p>\n"


def _operation(document: Json, verb: str, path: str, operation: Json) -> str:
    name = escape(operation["operationId"])
    parts = [
        f'<details class="operation" data-operation="{name}" data-verb="{verb}" ',
        f'data-path="{escape(path)}">\n',
        f'<summary><span class="verb {verb}">{verb.upper()}</span> <code>{_path(path)}</code> ',
        f'<span class="said">{marked(operation["summary"])}</span></summary>\n<div id="op-{name}">\n',
        paragraphs(operation.get("description", "")),
        f"<p>{_who(operation['security'])} In Python: <code>{_call(operation)}</code></p>\n",
        _parameters(operation.get("parameters", [])),
    ]
    if "requestBody" in operation:
        parts.append(f"<h3>Body</h3>\n<p>{_content(operation['requestBody'])}</p>\n")
    parts.append(_responses(document, operation["responses"]))
    return "".join([*parts, "</div>\n</details>\n"])


def _path(path: str) -> str:
    return escape(path).replace("{", "<var>{").replace("}", "}</var>")


def _who(security: list[Json]) -> str:
    if not security:
        return "For anybody; nobody looks at credentials."
    if {} in security:
        return "Who does not say who they are sees what is public."
    return "For who says who they are."


def _call(operation: Json) -> str:
    """How the exported client calls it."""
    required = [p["name"] for p in operation.get("parameters", ()) if p["required"]]
    body = ["request"] if "requestBody" in operation else []
    return escape(f"tidemill.{operation['tags'][0]}.{operation['operationId']}({', '.join(required + body)})")


def _parameters(parameters: list[Json]) -> str:
    if not parameters:
        return ""
    rows = (
        (
            f"<code>{escape(one['name'])}</code>",
            f"{one['in']}{', required' if one['required'] else ''}",
            type_of(one["schema"]) + default_of(one["schema"]),
            marked(one.get("description", "")),
        )
        for one in parameters
    )
    return "<h3>Parameters</h3>\n" + _table(("name", "where", "type", ""), rows)


def _responses(document: Json, responses: Json) -> str:
    rows = []
    for status, response in responses.items():
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]  # noqa: PLW2901
        rows.append((f"<code>{status}</code>", _content(response), marked(response["description"])))
    return "<h3>Answers</h3>\n" + _table(("status", "body", ""), rows)


def _content(holder: Json) -> str:
    """Media types and types of a body."""
    said = []
    for media, content in holder.get("content", {}).items():
        kind = type_of(content["schema"]) if content.get("schema") else "bytes"
        if "x-each" in content:
            kind = f"each {type_of(content['x-each'])}"
        said.append(kind if media == "application/json" else f"{kind} <small>{escape(media)}</small>")
    return ", ".join(said)


def _schema(name: str, schema: Json) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (
            f"<code>{escape(field)}</code>",
            type_of(kind) + default_of(kind),
            "" if field in required else "may be left out",
            marked(kind.get("description", "")),
        )
        for field, kind in schema.get("properties", {}).items()
    )
    about = "".join([paragraphs(schema.get("description", "")), _table(("field", "type", "", ""), rows)])
    if "properties" not in schema:
        about = f"<p>{type_of(schema)}</p>"
    return (
        f'<details class="schema"><summary><code>{escape(name)}</code></summary>\n'
        f'<div id="schema-{escape(name)}">{about}</div></details>\n'
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
