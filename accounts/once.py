"""What makes something is taken once: whoever presses twice, or sends again because the answer was lost, gets the
answer of the first time. A form brings a key of its own (`once` in its template), which holds for one person; a program
with a token may send the header Idempotency-Key with any POST.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar
from uuid import uuid4

from flask import Flask, Response, current_app, flash, g, redirect, request
from flask_babel import gettext as _
from flask_security import current_user
from markupsafe import Markup

from accounts.models import FormAnswer
from database import taking_turns, utc_now
from errors import N_, InvalidInput, Refused

View = TypeVar("View", bound=Callable[..., Any])

#: So long the answers are kept; who goes back to a form that is older gets the page of a new one first.
KEPT = timedelta(days=30)
#: After so long a request of a program is not at work any more: its process is gone.
_GONE = timedelta(minutes=2)
_KEY = re.compile(r"[0-9a-f]{32}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_KEPT_KINDS = ("application/json", "text/html")


def key_field() -> Markup:
    """The hidden field of a form that shall be taken once."""
    return Markup('<input type="hidden" name="once" value="{}">').format(uuid4().hex)


def taken_once(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a view: what it writes for a form with a key, and where it then leads to, is one transaction.

    Only an answer that leads on is kept: the page of a fault frees the key. The same key with other fields or files is
    refused (409). While the first one is at work, the second waits for it.
    """

    @wraps(view)
    def answered(*args: Any, **values: Any) -> Any:
        if request.method != "POST":
            return view(*args, **values)
        answers = []

        def make() -> str:
            answers.append(view(*args, **values))
            return getattr(answers[0], "location", None) or ""

        location, first = made_once(make)
        if first:
            return answers[0]
        done_already()
        return redirect(location)

    return answered


def done_already() -> None:
    """Tell on the next page that a form came a second time."""
    flash(_("This was done already; it is not done twice."))


def made_once(make: Callable[[], str]) -> tuple[str, bool]:
    """What `make` gives, and whether that was now: for a form with a key that came before, what it gave then.

    `make` and the keeping of what it gives are one transaction; '' is not kept. Raises Refused(`key_reused`) for a form
    that came before with other values.
    """
    key = _key_of_request()
    if not key:
        return make(), True
    now, by = utc_now(), f"{getattr(current_user, 'id', '')} {request.path}"
    body, own = _digest([by, *_told()]), hashlib.sha256(f"{by}\n{key}".encode()).hexdigest()
    with taking_turns():
        # On PostgreSQL this waits until another with the same key is through; on SQLite everybody waits for his turn.
        FormAnswer.insert(key=own, body_sha256=body, location="", created_time=now).on_conflict_ignore().execute()
        kept = FormAnswer.get(FormAnswer.key == own)
        if kept.body_sha256 != body:
            raise Refused(
                "key_reused", N_("This form was sent before with other values. Open it anew and look at both.")
            )
        if kept.location:
            return kept.location, False
        made = make()
        if made:
            FormAnswer.update(location=made).where(FormAnswer.key == own).execute()
            FormAnswer.delete().where(FormAnswer.created_time < now - KEPT).execute()
        else:
            FormAnswer.delete().where(FormAnswer.key == own).execute()
    return made, True


def _key_of_request() -> str:
    """The key of a form; of a program the one of its header, so that what it made is found after a crash too."""
    form = request.form.get("once", "")
    if _KEY.fullmatch(form):
        return form
    header = _header_key() if g.get("token") is not None else ""
    return f"program {g.token.id} {header}" if header else ""


def _told() -> list[Any]:
    """What was sent, in no order: the parts of a form, whatever parts them, or the body as it is."""
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        parts = request.form.items(multi=True)
        fields = sorted((name, text) for name, text in parts if name not in ("csrf_token", "once"))
        return [request.query_string.decode("latin-1"), fields, *_files()]
    return [request.query_string.decode("latin-1"), hashlib.sha256(request.get_data()).hexdigest()]


def _digest(told: list[Any]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _files() -> list[tuple[str, str, str]]:
    found = []
    for name, file in request.files.items(multi=True):
        file.seek(0)
        found.append((name, file.filename or "", hashlib.sha256(file.read()).hexdigest()))
        file.seek(0)
    return sorted(found)


# ---- programs


class KeyUsed(Refused):
    """The key of a program came again with another request."""

    status = 422

    def __init__(self) -> None:
        super().__init__("key_reused", N_("This key was used for another request. Send it under a new one."))


class KeyInFlight(Refused):
    """The first request with this key is at work at this moment; its answer is there soon."""

    retry_after = 1  # second

    def __init__(self) -> None:
        super().__init__(
            "key_in_flight", N_("The request with this key is being taken at this moment. Ask again in a second.")
        )


def has_own_keys(view: View) -> View:
    """Decorator of a view that looks after Idempotency-Key itself, or whose answer is a secret that nobody keeps."""
    view.has_own_keys = True  # type: ignore[attr-defined]
    return view


@dataclass
class _Claim:
    """A request of a program that is at work. `own`: the key as it is kept; `mark`: what stands there for us alone;
    `noted`: what the first attempt said of how things stood, None for nothing."""

    own: str
    mark: str
    noted: str | None = None

    @property
    def location(self) -> str:
        return json.dumps({"mark": self.mark, "noted": self.noted})


def init_once(app: Flask) -> None:
    """Answer what programs send again. To be called when whoever asks is known: after the guard."""
    app.before_request(_claim)
    app.after_request(_keep_answer)


def _header_key() -> str:
    """The Idempotency-Key of the request. Raises InvalidInput for one of a wrong form."""
    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if key and not _HEADER.fullmatch(key):
        raise InvalidInput("Idempotency-Key", N_("A key has 1 to 64 letters, digits and hyphens."))
    return key


def _claim() -> Response | None:
    """With a key: the answer of the first time, else go on as the one who is at work on it.

    Raises KeyUsed when the key came with another request, KeyInFlight while the first one is at work.
    """
    token = g.get("token")
    if token is None or token.scope or request.method != "POST" or request.endpoint is None:
        return None  # what a device sends brings ids of its own
    if getattr(current_app.view_functions[request.endpoint], "has_own_keys", False):
        return None
    key = _header_key()
    if not key:
        return None
    owner, now = f"{token.user_id} token {token.id}", utc_now()
    body = _digest([owner, request.path, *_told()])
    claim = _Claim(hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest(), uuid4().hex)
    mine = FormAnswer.key == claim.own
    with taking_turns():
        row = {"key": claim.own, "body_sha256": body, "location": claim.location, "created_time": now}
        FormAnswer.insert(row).on_conflict_ignore().execute()
        kept = FormAnswer.get(mine)
        if kept.location != claim.location:
            if kept.body_sha256 != body:
                raise KeyUsed
            before = json.loads(kept.location)
            if "status" in before:
                return _again(before)
            claim.noted = before["noted"]
            taken = FormAnswer.update(location=claim.location, created_time=now).where(
                mine, FormAnswer.location == kept.location
            )
            if now - kept.created_time < _GONE or not taken.execute():
                raise KeyInFlight
    g.claim = claim
    return None


def _again(kept: dict[str, Any]) -> Response:
    answer = Response(kept["body"], status=kept["status"], mimetype=kept["type"])
    if kept["location"]:
        answer.headers["Location"] = kept["location"]
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _keep_answer(answer: Response) -> Response:
    """What was done is kept with its answer; a refusal or a fault, after which nothing was done, frees the key."""
    claim = g.pop("claim", None)
    if claim is None:
        return answer
    mine = (FormAnswer.key == claim.own) & (FormAnswer.location == claim.location)
    if answer.status_code >= 400 or answer.mimetype not in _KEPT_KINDS:
        FormAnswer.delete().where(mine).execute()
        return answer
    kept = {
        "status": answer.status_code, "location": answer.location, "type": answer.mimetype,
        "body": answer.get_data(as_text=True),
    }  # fmt: skip
    with taking_turns():
        FormAnswer.update(location=json.dumps(kept)).where(mine).execute()
        FormAnswer.delete().where(FormAnswer.created_time < utc_now() - KEPT).execute()
    return answer


def has_key() -> bool:
    """Whether a program sent this request with a key."""
    return "claim" in g


def first_said(text: str) -> str:
    """`text`, or what the first attempt of this request with a key said here: its process may have been killed after
    the work and before the answer, and the next attempt starts from how things stood before it."""
    claim: _Claim = g.claim
    if claim.noted is None:
        before, claim.noted = claim.location, text
        FormAnswer.update(location=claim.location).where(
            FormAnswer.key == claim.own, FormAnswer.location == before
        ).execute()
    return claim.noted
