"""Teams at the API."""

from __future__ import annotations

from appliance.plugins import PEOPLE, ApiResource, Verb
from appliance.schema import PageQuery
from plugins_builtin.teams import service, specs

TEAMS = ApiResource(
    "teams",
    id_prefix="te",
    spec=specs.TeamMember,
    title="Teams",
    words="teams members",
    columns=("user.id", "user.email", "isAdmin", "isOwner", "dtConfirmed"),
    verbs=(
        Verb(
            "members", "GET", "/teams/{team_id}/users", service.list_members, query=PageQuery, by=PEOPLE,
            summary="Members of a team", words="teams members list",
        ),
        Verb(
            "set_role", "PUT", "/teams/{team_id}/users/{user_id}", service.update_member, body=specs.MemberBody,
            role="admin", by=PEOPLE, summary="Make a member admin, or not",
        ),
        Verb(
            "remove_member", "DELETE", "/teams/{team_id}/users/{user_id}", service.remove_member, role="admin",
            by=PEOPLE, summary="Take somebody out of a team", words="teams members remove",
        ),
    ),
)  # fmt: skip
