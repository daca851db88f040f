"""What an admin may change."""

from __future__ import annotations

from appliance.plugins import Setting

MOST = Setting("widgets.most", int, 100, "How many widgets there may be.", bounds=(1, 1000))
