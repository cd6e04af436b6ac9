"""The pages of people: who there is, invitations, roles and what they belong to, an end to their access."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_security import auth_required, current_user
from markupsafe import Markup
from peewee import JOIN

from accounts import people, sessions
from accounts.access import needs
from accounts.models import ApiToken, PersonLink, Role, User, UserRole
from accounts.once import done_already, made_once
from accounts.rights import RIGHTS, ROLE_NAMES, ROLES
from config import Settings
from database import tuples, utc_now
from errors import N_, InvalidInput, Refused
from i18n import instant, translated
from listing import Column, Filter, answer
from master_data.home import home_zone
from master_data.models import Party
from people.forms import PersonForm, address_of
from people.mailing import send_link

blueprint = Blueprint("people", __name__)

#: These pages change who may do what: the password, once more, when it was given too long ago.
fresh = auth_required("session", within=60, grace=30)

_STATES = {"active": N_("may come in"), "invited": N_("invited"), "off": N_("ended")}
_LOOKS = {"active": "rt-ok", "invited": "rt-warn", "off": "rt-bad"}


@blueprint.get("/people")
@needs("people.manage")
def person_list() -> Response | str:
    held: dict[int, list[str]] = defaultdict(list)
    for user, name in tuples(UserRole.select(UserRole.user, Role.name).join(Role).order_by(Role.name)):
        held[user].append(translated(ROLE_NAMES[name][0]) if name in ROLE_NAMES else name)
    invited = _invited()
    zone = home_zone()
    people_ = User.select(User, Party).join(Party, JOIN.LEFT_OUTER, on=(User.partner_id == Party.id), attr="partner")
    columns = [
        Column("username", N_("User name"), lambda row: row.username, sort=User.username,
               url=lambda row: url_for(".person", id=row.id)),
        Column("name", N_("Full name"), lambda row: row.name, sort=User.name),
        Column("roles", N_("Roles"), lambda row: ", ".join(held[row.id])),
        Column("belongs", N_("Belongs to"), _belongs),
        Column("factor", N_("Second factor"), lambda row: translated(N_("yes") if row.has_second_factor else N_("no"))),
        Column("seen", N_("Last signed in"), lambda row: row.signed_in_time, sort=User.signed_in_time,
               html=lambda row: instant(row.signed_in_time, zone) or translated(N_("never"))),
        Column("state", N_("State"), lambda row: translated(_STATES[_state(row, invited)]), sort=User.active,
               html=lambda row: _state_html(_state(row, invited))),
    ]  # fmt: skip
    states = Filter(
        "state", N_("State"), [("active", _STATES["active"]), ("off", N_("may not come in"))],
        lambda query, chosen: query.where(User.active == (chosen == "active")),
    )  # fmt: skip
    return answer(
        people_, columns, template="people/list.html", name="people", search=(User.username, User.name, User.email),
        filters=[states], sort="username",
    )  # fmt: skip


def _belongs(user: User) -> str:
    partner = getattr(user, "partner", None)
    if partner is not None and user.partner_id:
        return str(partner.code)
    return translated(N_("everything") if user.all_entities and user.all_sites else N_("some companies or places"))


def _invited() -> set[int]:
    open_ = PersonLink.select(PersonLink.user).where(PersonLink.purpose == "invite", PersonLink.used_time.is_null())
    return {user for (user,) in tuples(open_)}


def _state(user: User, invited: set[int]) -> str:
    return "active" if user.active else "invited" if user.id in invited else "off"


def _state_html(state: str) -> Markup:
    return Markup('<span class="rt-state {}">{}</span>').format(_LOOKS[state], translated(_STATES[state]))


@blueprint.get("/people/roles")
@needs("people.manage")
def role_list() -> str:
    """The table of roles and rights, as `accounts.rights` says it."""
    return render_template("people/roles.html", roles=ROLES, names=ROLE_NAMES, rights=RIGHTS)


@blueprint.route("/people/new", methods=["GET", "POST"])
@needs("people.manage")
@fresh
def person_new() -> Any:
    form = PersonForm()
    if form.is_submitted() and form.validate():
        try:
            return _invited_once(form)
        except (InvalidInput, Refused) as fault:
            _tell(form, fault)
    return _person_page(form, None)


def _invited_once(form: PersonForm) -> Any:
    """The page with the link. Sent again, of the same person: with a link in place of the first one, unless that has
    gone by mail or was used."""
    by, tokens = current_user._get_current_object(), []

    def make() -> str:
        user, token = people.invite(
            form.username.data, form.name.data, form.email.data, form.belonging(), utc_now(), by
        )
        tokens.append(token)
        return str(user.id)

    id, first = made_once(make)
    user = _person(int(id))
    if first:
        return _link_page(user, "invite", tokens[0])
    settings: Settings = current_app.config["ROUNDTRIP"]
    if (settings.smtp_url and address_of(user)) or _state(user, _invited()) != "invited":
        done_already()
        return redirect(url_for(".person", id=user.id))
    return _link_page(user, "invite", people.new_link(user, "invite", utc_now(), by))


@blueprint.route("/people/<int(max=2147483647):id>", methods=["GET", "POST"])
@needs("people.manage")
@fresh
def person(id: int) -> Any:
    user = _person(id)
    form = PersonForm(user)
    if form.is_submitted() and form.validate():
        try:
            people.change_person(user, form.name.data, form.email.data, form.belonging())
            flash(_("%(number)s is saved.", number=user.username), "success")
            return redirect(url_for(".person_list"))
        except (InvalidInput, Refused) as fault:
            _tell(form, fault)
    return _person_page(form, user)


def _tell(form: PersonForm, fault: InvalidInput | Refused) -> None:
    field = fault.field if isinstance(fault, InvalidInput) else "username" if fault.reason == "user_exists" else "roles"
    form[field].errors = [*form[field].errors, translated(fault)]


def _person_page(form: PersonForm, user: User | None) -> Any:
    shown: dict[str, Any] = {"form": form, "user": user, "roles": ROLE_NAMES, "zone": home_zone()}
    if user is not None:
        now = utc_now()
        shown |= {
            "state": _state(user, _invited()), "state_html": _state_html,
            "open_sessions": sessions.open_sessions(user, now),
            "tokens": list(ApiToken.select().where(ApiToken.user == user, ApiToken.revoked_time.is_null())),
        }  # fmt: skip
    return render_template("people/person.html", **shown), 422 if form.errors else 200


@blueprint.post("/people/<int(max=2147483647):id>/link")
@needs("people.manage")
@fresh
def person_link(id: int) -> Any:
    """A new link, shown once: an invitation to who was not here yet, else one to choose a new password."""
    user = _person(id)
    state = _state(user, _invited())
    if state == "off":
        raise Refused("person_ended", N_("This person may not come in. Let them in again first."))
    purpose = "invite" if state == "invited" else "reset"
    return _link_page(user, purpose, people.new_link(user, purpose, utc_now(), current_user._get_current_object()))


def _link_page(user: User, purpose: str, token: str) -> str:
    settings: Settings = current_app.config["ROUNDTRIP"]
    url = settings.base_url + url_for("accounts.link", token=token)
    return render_template(
        "people/link.html", user=user, purpose=purpose, url=url, sent=send_link(user, purpose, url, settings),
        address=address_of(user), life=people.LINK_LIFE[purpose],
    )  # fmt: skip


@blueprint.post("/people/<int(max=2147483647):id>/end")
@needs("people.manage")
@fresh
def person_end(id: int) -> Any:
    """No more access, at once."""
    user = _person(id)
    people.deactivate(user)
    flash(_("%(name)s may not come in any more; all sessions have ended.", name=user.username), "success")
    return redirect(url_for(".person_list"))


@blueprint.post("/people/<int(max=2147483647):id>/again")
@needs("people.manage")
@fresh
def person_again(id: int) -> Any:
    """Access again."""
    user = _person(id)
    people.activate(user)
    flash(_("%(name)s may come in again.", name=user.username), "success")
    return redirect(url_for(".person_list"))


@blueprint.post("/people/<int(max=2147483647):id>/sessions/end")
@needs("people.manage")
@fresh
def person_sessions_end(id: int) -> Any:
    """Sign a person out everywhere."""
    user = _person(id)
    sessions.end_all(user)
    flash(_("%(name)s is signed out everywhere.", name=user.username), "success")
    return redirect(url_for(".person", id=id))


@blueprint.post("/people/<int(max=2147483647):id>/second-factor/reset")
@needs("people.manage")
@fresh
def person_factor_reset(id: int) -> Any:
    """For who lost the phone and the recovery codes."""
    user = _person(id)
    people.reset_second_factor(user)
    flash(_("The second factor of %(name)s is gone; they can set up a new one.", name=user.username), "success")
    return redirect(url_for(".person", id=id))


@blueprint.post("/people/<int(max=2147483647):id>/tokens/<int(max=2147483647):token>/revoke")
@needs("people.manage")
@fresh
def person_token_revoke(id: int, token: int) -> Any:
    """End a token of a program that acts for a person."""
    people.revoke_token(_person(id), token, utc_now())
    return redirect(url_for(".person", id=id))


def _person(id: int) -> User:
    return User.get_or_none(User.id == id) or abort(404)
