"""What the API says of members."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from appliance.schema import Body, MaybeTime, NumberedQuery, Reply, Time, UserSummary


class TeamMember(Reply):
    """rest-v1 `TeamMember`."""

    user: UserSummary
    is_admin: bool
    is_owner: bool
    dt_confirmed: Time


class TeamMembership(Reply):
    """rest-v1 `TeamMembership`. dt_deleted: when it ended, for one that just did."""

    is_admin: bool
    is_owner: bool
    dt_confirmed: Time
    dt_deleted: MaybeTime = None


class MemberQuery(NumberedQuery):
    """GET /teams/{teamId}/users."""

    role: Literal["", "member", "admin", "owner"] = ""
    order_by: Literal["dtConfirmed"] = "dtConfirmed"


class NewMemberBody(Body):
    """POST /teams/{teamId}/users. user: name or id of somebody who has an account here."""

    user: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    role: Literal["member", "admin", "owner"] = "member"


class RoleForm(BaseModel):
    """Another role, at the page."""

    role: Literal["member", "admin", "owner"]


class MemberBody(Body):
    """PUT /teams/{teamId}/users/{userId}."""

    is_admin: bool = False
