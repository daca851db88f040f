"""A notebook with something to see and a script in every place where one fits. Any that runs calls `hacked`."""

from __future__ import annotations

from typing import Any

SCRIPT = "<script>hacked(1)</script><img src=x onerror='hacked(2)'><svg onload='hacked(3)'><script>hacked(4)</script></svg>"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="hacked(5)" width="9" height="9">'
    "<script>hacked(6)</script><circle r='4'/></svg>"
)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HTML = (
    f"<table style='color:red;position:fixed' onclick='hacked(7)'><tr><td>cell</td></tr></table>{SCRIPT}"
    "<iframe srcdoc='<script>parent.hacked(8)</script>'></iframe><form action='javascript:hacked(9)'><button>go</form>"
    "<a href='javascript:hacked(10)'>link</a><a href='data:text/html,<script>hacked(11)</script>'>data</a>"
    "<meta http-equiv='refresh' content='0;url=javascript:hacked(12)'><base href='https://evil.example/'>"
    "<object data='data:text/html,<script>hacked(13)</script>'></object><style>@import 'https://evil.example/';</style>"
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=hacked(14)&gt;'></table></math>"
)
MIMES: tuple[dict[str, Any], ...] = (
    {"text/html": HTML},
    {"image/svg+xml": SVG},
    {"application/javascript": "hacked(15)", "text/plain": "some script"},
    {"text/markdown": f"**bold** {SCRIPT} [x](javascript:hacked(16))"},
    {"text/latex": f"$x^2$ {SCRIPT}"},
    {"image/png": PIXEL},
    {"image/png": f'x">{SCRIPT}'},
    {"image/jpeg": f"x' onerror='hacked(17)'>{SCRIPT}"},
    {"application/pdf": SCRIPT, "text/plain": SCRIPT},
    {"application/vnd.jupyter.widget-view+json": {"model_id": SCRIPT}, "text/plain": "a widget"},
    {f"text/{SCRIPT}": SCRIPT},
    {"application/json": {"x": SCRIPT}},
)


def _output(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


CODE = {
    "cell_type": "code",
    "id": "code",
    "execution_count": 1,
    "source": f"print(1)  # {SCRIPT}",
    "metadata": {"tags": [SCRIPT], "name": SCRIPT},
    "outputs": [
        *(_output(data) for data in MIMES),
        {"output_type": "stream", "name": "stdout", "text": f"\x1b[31mred\x1b[0m {SCRIPT}"},
        {"output_type": "error", "ename": SCRIPT, "evalue": SCRIPT, "traceback": [SCRIPT]},
    ],
}
TEXT = {
    "cell_type": "markdown",
    "id": "text",
    "metadata": {},
    "source": f"# Title\n\n![a](attachment:a.png) ![b](attachment:b.png)\n\n{SCRIPT}\n\n[x](javascript:hacked(18))\n"
    f"\n$$ {SCRIPT} $$\n\n```{SCRIPT}\n{SCRIPT}\n```\n",
    "attachments": {
        "a.png": {"image/png": PIXEL},
        "b.png": {f'image/png"><{SCRIPT}': f'"><{SCRIPT}'},
        SCRIPT: {"image/svg+xml": SVG},
    },
}
RAW = {
    "cell_type": "raw",
    "id": "raw",
    "metadata": {"format": "text/html", "raw_mimetype": "text/html"},
    "source": SCRIPT,
}
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "title": SCRIPT,
        "language_info": {"name": SCRIPT, "pygments_lexer": "ipython3"},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"x": SCRIPT}}},
    },
    "cells": [TEXT, CODE, RAW],
}
