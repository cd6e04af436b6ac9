"""A person's own pages: language, profile with sessions and tokens, and the links by which a password is chosen."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_security import auth_required, current_user, logout_user
from werkzeug.wrappers import Response

from accounts import oidc, people, sessions
from accounts.access import public, signed_in
from accounts.models import ApiToken, PersonLink, User
from accounts.once import made_once
from accounts.rights import RIGHTS, ROLE_NAMES
from accounts.throttle import look_up
from accounts.tokens import token_hash
from database import utc_now
from errors import N_, InvalidInput, Refused
from i18n import LANGUAGES, translated

blueprint = Blueprint("accounts", __name__)

#: An address on this server. Browsers drop tabs and line ends and read \\ as /, so none of these may stand in it.
_OWN_ADDRESS = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")

blueprint.get("/login/provider", endpoint="oidc_start")(oidc.start)
blueprint.get("/verify/provider", endpoint="oidc_verify")(oidc.verify)


@blueprint.post("/language")
@public
def set_language() -> Response:
    """Keep the language for this person, or for this session when nobody is signed in."""
    language = request.form.get("language", "")
    if language in LANGUAGES:
        session["language"] = language
        if current_user.is_authenticated:
            User.update(language=language).where(User.id == current_user.id).execute()
    back = request.form.get("back", "")
    return redirect(back if _OWN_ADDRESS.fullmatch(back) else url_for("today.home"))


@blueprint.get("/profile")
@signed_in
def profile() -> str:
    return _profile()


def _profile(**more: Any) -> str:
    user, now = current_user._get_current_object(), utc_now()
    tokens = ApiToken.select().where(ApiToken.user == user, ApiToken.scope == "").order_by(ApiToken.id.desc())
    held = [role.name for role in user.roles if role.name in ROLE_NAMES]
    return render_template(
        "accounts/profile.html", user=user, roles=[ROLE_NAMES[name][0] for name in held], rights=RIGHTS,
        held=[right for right in RIGHTS if right in user.rights], tokens=list(tokens),
        open_sessions=sessions.open_sessions(user, now), this=sessions.current_session(),
        browser_of=sessions.browser_of,
        codes=len(user.mf_recovery_codes or []), **more,
    )  # fmt: skip


@blueprint.post("/profile/sessions/<int(max=2147483647):id>/end")
@signed_in
def session_end(id: int) -> Response:
    """End one session of one's own."""
    sessions.end_session(current_user._get_current_object(), id)
    return redirect(url_for(".profile", _anchor="sessions"))


@blueprint.post("/profile/sessions/end")
@signed_in
def sessions_end() -> Response:
    """End all of them; this one too."""
    sessions.end_all(current_user._get_current_object())
    logout_user()
    return redirect(url_for("security.login"))


@blueprint.route("/profile/tokens/new", methods=["GET", "POST"])
@signed_in
@auth_required("session", within=60, grace=30)
def token_new() -> Any:
    """A token for a program of one's own. Form fields: `name`, `rights` several times. Its answer shows it once."""
    user, fault, token, status = current_user._get_current_object(), None, "", 200
    if request.method == "POST":
        try:
            token = _token_once(user)
        except InvalidInput as error:
            fault, status = error, 422
    may = people.tokens_may(user)
    return render_template(
        "accounts/token.html", token=token, fault=fault, typed=request.form,
        rights={right: text for right, text in RIGHTS.items() if right in may},
    ), status  # fmt: skip


def _token_once(user: User) -> str:
    """The token that the form asks for; sent again, the same one under another secret, since the first was not seen."""
    made = []

    def make() -> str:
        made.append(people.own_token(user, request.form.get("name", ""), request.form.getlist("rights"), utc_now()))
        return str(ApiToken.get(ApiToken.sha256 == token_hash(made[0])).id)

    id, first = made_once(make)
    return made[0] if first else people.token_anew(user, int(id))


@blueprint.post("/profile/tokens/<int(max=2147483647):id>/revoke")
@signed_in
def token_revoke(id: int) -> Response:
    """End a token of one's own."""
    people.revoke_token(current_user._get_current_object(), id, utc_now())
    return redirect(url_for(".profile", _anchor="tokens"))


# ---- links: opened without an account. To open one uses nothing up: programs that look into mails open links too.


@blueprint.get("/invitation/<token>")
@public
def link(token: str) -> Any:
    found = _open_link(token)
    return _link_page(found) if isinstance(found, PersonLink) else found


@blueprint.post("/invitation/<token>")
@public
def link_use(token: str) -> Any:
    """Form fields: `password`, `again`. The link is used up by it."""
    found = _open_link(token)
    if not isinstance(found, PersonLink):
        return found
    password = request.form.get("password", "")
    try:
        if password != request.form.get("again", ""):
            raise InvalidInput("again", N_("The two passwords are not the same."))
        people.use_link(found, password, utc_now())
    except InvalidInput as fault:
        return _link_page(found, fault), 422
    except Refused as fault:
        return render_template("accounts/no_link.html", text=translated(fault)), 410
    if current_user.is_authenticated:
        logout_user()  # whoever used this browser before is not the one who chose the password
    flash(_("Your password is set. Sign in with it."), "success")
    return redirect(url_for("security.login"))


def _link_page(found: PersonLink, fault: InvalidInput | None = None) -> str:
    return render_template("accounts/link.html", link=found, fault=fault)


def _open_link(token: str) -> PersonLink | tuple[str, int]:
    """The link, or the page that tells that there is none: 404 for one that never was, 410 for one that ended."""
    found = look_up(lambda: people.link_of(token))
    if found is None:
        return render_template("accounts/no_link.html", text=_("There is no such link.")), 404
    if not people.is_open(found, utc_now()):
        text = _("This link was used already or is too old. Ask for a new one.")
        return render_template("accounts/no_link.html", text=text), 410
    return found
