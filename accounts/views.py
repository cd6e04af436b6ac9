"""Language of the person, and later their profile."""

import re

from flask import Blueprint, redirect, request, session, url_for
from flask_security import current_user
from werkzeug.wrappers import Response

from accounts.access import public
from accounts.models import User
from i18n import LANGUAGES

blueprint = Blueprint("accounts", __name__)

#: An address on this server. Browsers drop tabs and line ends and read \\ as /, so none of these may stand in it.
_OWN_ADDRESS = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


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
