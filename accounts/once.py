"""A form that makes something is taken once: whoever presses twice, or sends again because the answer was lost, gets
the answer of the first time. The form brings a key of its own (`once` in its template), which holds for one person.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import uuid4

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_security import current_user
from markupsafe import Markup

from accounts.models import FormAnswer
from database import taking_turns, utc_now
from errors import N_, Refused

#: So long the answers are kept; who goes back to a form that is older gets the page of a new one first.
KEPT = timedelta(days=30)
_KEY = re.compile(r"[0-9a-f]{32}")


def key_field() -> Markup:
    """The hidden field of a form that shall be taken once."""
    return Markup('<input type="hidden" name="once" value="{}">').format(uuid4().hex)


def taken_once(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a view: what it writes for a form with a key, and where it then leads to, is one transaction.

    Only an answer that leads on is kept: after a fault nothing was done, and the same key may come again. The same key
    with other fields or files is refused (409). While the first one is at work, the second waits for it.
    """

    @wraps(view)
    def answered(*args: Any, **values: Any) -> Any:
        if request.method != "POST" or not _KEY.fullmatch(request.form.get("once", "")):
            return view(*args, **values)
        try:
            with taking_turns():
                return _first_or_again(lambda: view(*args, **values))
        except _NotDone as fault:
            return fault.answer

    return answered


class _NotDone(Exception):
    """The view did not lead on; takes the claim of the key back."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


def _first_or_again(view: Callable[[], Any]) -> Any:
    now, by = utc_now(), f"{current_user.id} {request.path}"
    fields = sorted((name, text) for name, text in request.form.items(multi=True) if name not in ("csrf_token", "once"))
    body = hashlib.sha256(json.dumps([by, fields, *_files()]).encode()).hexdigest()
    key = hashlib.sha256(f"{by}\n{request.form['once']}".encode()).hexdigest()
    # On PostgreSQL this waits until another with the same key is through; on SQLite everybody waits for his turn.
    FormAnswer.insert(key=key, body_sha256=body, location="", created_time=now).on_conflict_ignore().execute()
    kept = FormAnswer.get(FormAnswer.key == key)
    if kept.body_sha256 != body:
        raise Refused("key_reused", N_("This form was sent before with other values. Open it anew and look at both."))
    if kept.location:
        flash(_("This was done already; it is not done twice."))
        return redirect(kept.location)
    answer = view()
    location = getattr(answer, "location", None)
    if location is None:
        raise _NotDone(answer)
    FormAnswer.delete().where(FormAnswer.created_time < now - KEPT).execute()
    FormAnswer.update(location=location).where(FormAnswer.key == key).execute()
    return answer


def _files() -> list[tuple[str, str, str]]:
    found = []
    for name, file in request.files.items(multi=True):
        found.append((name, file.filename or "", hashlib.sha256(file.read()).hexdigest()))
        file.seek(0)
    return sorted(found)
