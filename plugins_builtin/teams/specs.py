"""What the API says of members."""

from __future__ import annotations

from appliance.schema import Body, Reply, Time, UserSummary


class TeamMember(Reply):
    """rest-v1 `TeamMember`."""

    user: UserSummary
    is_admin: bool
    is_owner: bool
    dt_confirmed: Time


class MemberBody(Body):
    """PUT /teams/{teamId}/users/{userId}."""

    is_admin: bool = False
