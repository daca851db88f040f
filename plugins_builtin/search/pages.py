"""Results as a page, and as the list under the search box."""

from __future__ import annotations

from flask import Blueprint, request

from appliance.web.pages import context, fragment, page
from plugins_builtin.search import service

ON_PAGE, IN_BOX = 50, 6


def blueprint() -> Blueprint:
    pages = Blueprint("search", __name__, template_folder="templates")
    pages.add_url_rule("/search", "results", results)
    pages.add_url_rule("/search/box", "box", box)
    return pages


def results() -> str:
    """The whole page; what the box's form leads to."""
    text = request.args.get("q", "")
    hits, failed = service.find(context(), text, ON_PAGE)
    return page("search/results.html", "Search", live=False, query=text, hits=hits, failed=failed)


def box() -> str:
    """What is shown while typing."""
    text = request.args.get("q", "")
    hits, failed = service.find(context(), text, IN_BOX)
    return fragment("search/_box.html", query=text, hits=hits, failed=failed)
