"""What the API says of whom a credential stands for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from appliance.schema import Body, Reply, Time, Title, Unseen


class LoginBody(Body):
    """POST /auth/login. team: namespace or id; the user's first team if not given."""

    user: Annotated[str, StringConstraints(max_length=100)]
    password: Annotated[str, StringConstraints(max_length=256), Unseen]
    team: Annotated[str, StringConstraints(max_length=100)] = ""
    key_name: Title = "login"
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class KeyForm(BaseModel):
    """A new API key at the page. expires_in_days: 0 = never."""

    name: Title
    team: Annotated[str, StringConstraints(max_length=100)]
    expires_in_days: int = Field(ge=0, le=3650)


class PasswordForm(BaseModel):
    """A new password at the page."""

    current: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    password: Annotated[str, StringConstraints(min_length=8, max_length=256)]


class LoginReply(Reply):
    """A new API key. key: its text, shown this once. team: the namespace. user: the name."""

    key: str
    id: str
    team: str
    user: str


class SessionTeam(Reply):
    """The team that a credential works in. max_machines: virtual machines, which there are none of here."""

    id: str
    namespace: str
    is_private: bool = False
    max_machines: int = 0
    analytics_id: int


class MembershipTeam(Reply):
    """A team, as one of those that a user is in."""

    id: str
    name: str
    namespace: str
    dt_created: Time
    is_user_team: bool = False
    public_profile_image_url: str | None = None


class Membership(Reply):
    """A team and what its user is there."""

    is_admin: bool
    is_owner: bool
    team: MembershipTeam


class SessionUser(Reply):
    """A user as they see themselves; of Gradient's account features only the password is here."""

    id: str
    email: str
    first_name: str | None = None
    last_name: str | None = None
    dt_created: Time
    dt_confirmed: Time
    analytics_id: int = 0
    is_password_auth_enabled: bool
    is_phone_verified: bool = False
    is_qr_code_based_mfa_confirmed: bool = False
    is_qr_code_based_mfa_enabled: bool = False
    metadata: dict[str, Any] = Field(default_factory=dict)
    preferences: None = None
    team_memberships: list[Membership]


class Session(Reply):
    """rest-v1 `Session`."""

    team: SessionTeam
    user: SessionUser
