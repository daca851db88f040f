"""Live settings: their types and bounds."""

from __future__ import annotations

from typing import Any

import pytest

from appliance import settings
from appliance.db import write
from appliance.errors import Invalid
from appliance.plugins import Setting
from tests.lab import Lab

COUNT = Setting("a.count", int, 3, "A count", bounds=(1, 10))
SHARE = Setting("a.share", float, 0.5, "A share", bounds=(0.1, None))
FREE = Setting("a.free", float, 0.5, "No bounds")
ON = Setting("a.on", bool, False, "A switch")
TEXT = Setting("a.text", str, "x", "A text")


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (COUNT, "1", 1),
        (COUNT, "10", 10),
        (SHARE, "0.1", 0.1),
        (SHARE, "3", 3.0),
        (ON, "true", True),
        (ON, "False", False),
        (TEXT, "é; DROP TABLE", "é; DROP TABLE"),
        (TEXT, "", ""),
    ],
)
def test_kept_with_its_type(lab: Lab, setting: Setting, text: str, value: Any) -> None:
    with write(lab.db) as db:
        settings.put(db, setting, text)
        settings.put(db, setting, text)
    found = settings.get(lab.db, setting)
    assert found == value and type(found) is setting.type


def test_default_until_it_is_set(lab: Lab) -> None:
    assert settings.get(lab.db, COUNT) == 3


@pytest.mark.parametrize(
    ("setting", "text"),
    [(COUNT, "0"), (COUNT, "11"), (COUNT, "1.5"), (COUNT, ""), (COUNT, "ten"), (SHARE, "0.09")]
    + [(SHARE, "nan"), (SHARE, "inf"), (FREE, "nan"), (FREE, "-inf"), (ON, "1"), (ON, "yes")],
)
def test_refused_with_the_key(setting: Setting, text: str) -> None:
    with pytest.raises(Invalid, match=setting.key):
        settings.parse(setting, text)
