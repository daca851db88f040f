"""Teams at the API."""

from __future__ import annotations

from appliance.plugins import ApiResource, Verb
from appliance.schema import PageQuery
from plugins_builtin.teams import service, specs

TEAMS = ApiResource(
    "teams",
    id_prefix="te",
    spec=specs.TeamMember,
    verbs=(
        Verb("members", "GET", "/teams/{team_id}/users", service.list_members, query=PageQuery),
        Verb(
            "set_role", "PUT", "/teams/{team_id}/users/{user_id}", service.update_member,
            body=specs.MemberBody, role="admin",
        ),
        Verb("remove_member", "DELETE", "/teams/{team_id}/users/{user_id}", service.remove_member, role="admin"),
    ),
)  # fmt: skip
