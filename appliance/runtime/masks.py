"""How a secret value may look in a log, so that all of it can be masked.

Masked are the value as it is, base64 at each of its three alignments, also when cut into lines, percent-encoded, escaped
as in JSON, and each line of 8 characters or more of a value that has several. Values below 4 characters are left alone:
masking "no" or "42" would hide the log and still tell the value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 4
SHORTEST_LINE = 8
BASE64_LINE = 76  # of `base64` and of MIME


def of(values: Iterable[str]) -> list[bytes]:
    """What to mask, the longest first: a part must not be replaced before the whole."""
    found = {mask for value in values if len(value) >= SHORTEST for mask in _forms(value)}
    return sorted(found, key=lambda mask: (-len(mask), mask))


def _forms(value: str) -> Iterator[bytes]:
    raw = value.encode()
    # as by Python and by JavaScript's encodeURIComponent and encodeURI
    texts = [quote(value, safe=safe) for safe in ("", "/", "!'()*", ";/?:@&=+$,#!'()*")]
    texts.append(quote_plus(value))
    texts += [re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text) for text in texts]
    texts += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    lines = value.splitlines()
    if len(lines) > 1:
        texts += [line for line in map(str.strip, lines) if len(line) >= SHORTEST_LINE]
    yield raw
    yield from (text.encode() for text in texts)
    yield from _base64(raw)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Behind 0, 1 or 2 unknown bytes, without the digits that those and what follows have a part in."""
    whole = base64.b64encode(raw)
    found = [whole.rstrip(b"=")]
    for before in range(3):
        digits = base64.b64encode(bytes(before) + raw)
        first, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        found.append(digits[first:end])
    if len(whole) > BASE64_LINE:
        pieces = [whole[at : at + BASE64_LINE] for at in range(0, len(whole), BASE64_LINE)]
        found += [piece for piece in pieces if len(piece) >= SHORTEST_LINE]
    for text in found:
        yield text
        yield text.translate(bytes.maketrans(b"+/", b"-_"))
