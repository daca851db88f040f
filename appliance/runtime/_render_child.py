"""The process that turns a file of a user's into HTML: the file on stdin, the page on stdout.

It runs as nobody in particular, without a network, and dies with all that it holds: nbconvert is
large, and what it reads is hostile. What it writes holds no script; the browser is told so as well.
"""

from __future__ import annotations

import base64
import html
import logging
import sys
import warnings
from typing import Any

import nbformat
import nh3
from nbconvert import HTMLExporter
from nbformat import NotebookNode, v4
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

# What else a notebook may hold needs scripts to be seen, and comes with one of these beside it.
_SHOWN = (
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/svg+xml",
)
_INLINE_IMAGES = tuple(f"data:image/{kind};" for kind in ("png", "jpeg", "gif", "webp", "svg+xml"))
_LOOKS = {"class", "style", "align", "valign", "width", "height", "colspan", "rowspan", "title"}
_TAGS = (nh3.ALLOWED_TAGS | {"div", "input", "section", "main", "font"}) - {"map", "area"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": _LOOKS,
    "img": {"src", "alt", "width", "height"},
    "input": {"type", "checked", "disabled"},  # task lists
}
_STYLES = {
    "background-color", "border", "color", "font-style", "font-weight", "height", "margin", "max-height",
    "max-width", "padding", "text-align", "text-decoration", "vertical-align", "white-space", "width",
}  # fmt: skip

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; overflow-wrap: break-word; }
pre { font: 13px/1.4 ui-monospace, monospace; margin: 0; overflow-x: auto; white-space: pre-wrap; }
img { max-width: 100%; height: auto; background: #fff; }
a { color: #066fd1; } a.anchor-link { display: none; }
blockquote { border-left: 3px solid #8888; margin-left: 0; padding-left: 1rem; }
.cell, .jp-Cell { margin: 0 0 1rem; }
.prompt, .jp-InputPrompt, .jp-OutputPrompt { color: #6c7a91; font: 12px ui-monospace, monospace; }
.input_area, .text > .highlight { border: 1px solid #8885; border-radius: 4px; padding: .5rem; }
.output_subarea, .output_html { overflow-x: auto; margin: .25rem 0; }
.output_stderr, .output_error { background: #d6393918; padding: .25rem .5rem; }
table { border-collapse: collapse; } th, td { border: 1px solid #8885; padding: .2rem .5rem; }
.ansi-bold { font-weight: bold; } .ansi-underline { text-decoration: underline; }
.ansi-black-fg { color: #3e424d; } .ansi-red-fg { color: #d63939; } .ansi-green-fg { color: #1a8754; }
.ansi-yellow-fg { color: #b06f00; } .ansi-blue-fg { color: #206bc4; } .ansi-magenta-fg { color: #ae3ec9; }
.ansi-cyan-fg { color: #128293; } .ansi-white-fg { color: #8a94a6; }
@media (prefers-color-scheme: dark) { body { background: #151f2c; color: #dce1e7; } a { color: #6ea8fe; } }
"""


def allowed(tag: str, attribute: str, value: str) -> str | None:
    """An attribute's value as it may stay, or None: pictures come along inside, nothing is fetched."""
    if tag == "img" and attribute == "src":
        return value if value.lower().startswith(_INLINE_IMAGES) else None
    if value.strip().lower().startswith("data:"):
        return None
    if tag == "input" and attribute == "type":
        return value if value == "checkbox" else None
    return value


def sanitised(body: str) -> str:
    """HTML without anything that acts. Links open beside the frame that this is shown in."""
    return nh3.clean(
        body,
        tags=_TAGS,
        clean_content_tags={"script", "style", "iframe", "object", "template", "svg", "math"},
        attributes=_ATTRIBUTES,
        attribute_filter=allowed,
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties=_STYLES,
        set_tag_attribute_values={"a": {"target": "_blank"}, "input": {"disabled": ""}},
        link_rel="noopener noreferrer nofollow",
    )


def page(body: str) -> str:
    """A whole document, its looks included: it can load nothing."""
    light, dark = (
        HtmlFormatter(style=style).get_style_defs(".highlight")
        for style in ("default", "github-dark")
    )
    style = f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n.highlight {{ background: none; }}"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>File</title><style>{style}{_STYLE}</style><body>{body}</body></html>"
    )


def tame(notebook: NotebookNode) -> NotebookNode:
    """Leave of every output what can be seen without a script; an SVG becomes a picture, which runs none."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data")
            if data is not None:
                output["data"] = {kind: data[kind] for kind in _SHOWN if kind in data}
                _picture(output["data"])
    return notebook


def _picture(data: dict[str, Any]) -> None:
    drawing = data.pop("image/svg+xml", None)
    if drawing is not None and "image/png" not in data:
        encoded = base64.b64encode(str(drawing).encode()).decode()
        data["text/html"] = f'<img alt="" src="data:image/svg+xml;base64,{encoded}">'


def render_notebook(text: str) -> str:
    """A notebook of any version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = tame(nbformat.reads(text, as_version=4))
        body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    return page(sanitised(body))


def render_markdown(text: str) -> str:
    """As a notebook's text is shown."""
    return render_notebook(nbformat.writes(v4.new_notebook(cells=[v4.new_markdown_cell(text)])))


def render_text(text: str, name: str) -> str:
    """With colours, if its name says what it is."""
    try:
        lexer = get_lexer_for_filename(name)
    except ClassNotFound:
        lexer = TextLexer()
    body = highlight(text, lexer, HtmlFormatter())
    return page(f'<div class="text">{sanitised(body)}</div>')


def main(kind: str, name: str) -> None:
    logging.disable()
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    if kind == "notebook":
        rendered = render_notebook(text)
    elif kind == "markdown":
        rendered = render_markdown(text)
    else:
        rendered = render_text(text, name)
    sys.stdout.buffer.write(rendered.encode("utf-8", "replace"))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except nbformat.reader.NotJSONError:
        sys.exit("it is no notebook: not JSON")
    except nbformat.ValidationError as error:
        sys.exit(f"it is no valid notebook: {html.escape(str(error))[:200]}")
