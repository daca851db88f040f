"""What the API says of members."""

from __future__ import annotations

from appliance.schema import Body, Reply, Time


class UserSummary(Reply):
    """A user as others see it; rest-v1 `UserSummary`."""

    id: str
    email: str
    first_name: str | None = None
    last_name: str | None = None
    public_profile_image_url: str | None = None


class TeamMember(Reply):
    """rest-v1 `TeamMember`."""

    user: UserSummary
    is_admin: bool
    is_owner: bool
    dt_confirmed: Time


class MemberBody(Body):
    """PUT /teams/{teamId}/users/{userId}."""

    is_admin: bool = False
