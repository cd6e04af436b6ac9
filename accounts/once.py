"""What makes something is taken once: whoever presses twice, or sends again because the answer was lost, gets the
answer of the first time. A form brings a key of its own (`once` in its template), which holds for one person; a program
with a token may send the header Idempotency-Key with a POST.
"""

from __future__ import annotations

import hashlib
import json
import logging
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
from accounts.scope import current_scope
from database import drop_connection, hold, taking_turns, unavailable, utc_now
from errors import N_, InvalidInput, Refused

log = logging.getLogger("roundtrip")

View = TypeVar("View", bound=Callable[..., Any])

#: So long the answers are kept; who goes back to a form that is older gets the page of a new one first.
KEPT = timedelta(days=30)
_KEY = re.compile(r"[0-9a-f]{32}")
_HEADER = re.compile(r"[\x20-\x7e]{1,255}")


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
    header = header_key() if g.get("token") is not None else ""
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


class RightsChanged(Refused):
    """The request was done, but whoever asks may do or see something else by now: its answer is not for him."""

    def __init__(self) -> None:
        super().__init__(
            "rights_changed",
            N_(
                "The request with this key was done, and your rights have changed since. Look at what became of it "
                "before you send it under a new key."
            ),
        )


def has_own_keys(view: View) -> View:
    """Decorator of a view that looks after Idempotency-Key itself, or whose answer is a secret that nobody keeps."""
    view.has_own_keys = True  # type: ignore[attr-defined]
    return view


@dataclass
class _Claim:
    """A request of a program that is at work. `own`, `body`: its key and what was sent, as they are kept; `standing`:
    what the program may do and see; `noted`: what the first attempt said of how things stood, None for nothing."""

    own: str
    body: str
    standing: str
    noted: str | None = None
    done: bool = True

    def keep(self, told: dict[str, Any]) -> None:
        row = {"body_sha256": self.body, "location": json.dumps(told), "created_time": utc_now()}
        FormAnswer.insert(key=self.own, **row).on_conflict(conflict_target=[FormAnswer.key], update=row).execute()


def init_once(app: Flask) -> None:
    """Answer what programs send again. To be called when whoever asks is known: after the guard."""
    app.before_request(_claim)
    app.after_request(_keep_answer)
    app.teardown_request(_let_go)


def header_key() -> str:
    """The Idempotency-Key of the request, '' for none. Raises InvalidInput for one of a wrong form."""
    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if key and not _HEADER.fullmatch(key):
        raise InvalidInput("Idempotency-Key", N_("A key has 1 to 255 printable characters of ASCII."))
    return key


def _claim() -> Response | None:
    """With a key: the answer of the first time, else go on as the one who is at work on it.

    Raises KeyInFlight while the first one is at work, KeyUsed when the key came with another request, RightsChanged
    when the first answer was for other eyes.
    """
    token = g.get("token")
    if token is None or token.scope or request.method != "POST" or request.endpoint is None:
        return None  # what a device sends brings ids of its own
    if getattr(current_app.view_functions[request.endpoint], "has_own_keys", False):
        return None
    key = header_key()
    if not key:
        return None
    owner = f"{token.user_id} token {token.id}"
    claim = _Claim(
        hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest(), _digest([owner, request.path, *_told()]), _standing()
    )
    # Who is killed holds it no longer, and nobody has to guess how long a request may take.
    let_go = hold(f"key of a program {claim.own}")
    if let_go is None:
        raise KeyInFlight
    g.let_go = let_go
    kept = FormAnswer.get_or_none(FormAnswer.key == claim.own)
    if kept is not None:
        if kept.body_sha256 != claim.body:
            raise KeyUsed
        before = json.loads(kept.location)
        if "status" in before:
            if before.get("standing") != claim.standing:
                raise RightsChanged
            return _again(before)
        claim.noted = before["noted"]
    g.claim = claim
    return None


def _standing() -> str:
    """What whoever asks may do and see."""
    scope = current_scope()
    limits = [None if keys is None else sorted(keys) for keys in (scope.entities, scope.sites)]
    return _digest([sorted(current_user.rights), *limits, scope.partner])


def _again(kept: dict[str, Any]) -> Response:
    answer = Response(kept["body"], status=kept["status"], mimetype=kept["type"])
    if kept["location"]:
        answer.headers["Location"] = kept["location"]
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _keep_answer(answer: Response) -> Response:
    """What was done is kept with its answer. A refusal or a fault, after which nothing was done, frees the key, and so
    does a page: it shows what would be done, or that something is missing."""
    claim: _Claim | None = g.pop("claim", None)
    if claim is None:
        return answer
    try:
        if claim.done and answer.status_code < 400 and (answer.location or answer.is_json):
            kept = {
                "status": answer.status_code, "location": answer.location, "type": answer.mimetype,
                "body": answer.get_data(as_text=True), "standing": claim.standing,
            }  # fmt: skip
            with taking_turns():
                claim.keep(kept)
                FormAnswer.delete().where(FormAnswer.created_time < utc_now() - KEPT).execute()
        elif claim.noted is not None:
            FormAnswer.delete().where(FormAnswer.key == claim.own).execute()
    except Exception as error:  # what was asked for is done, or refused, whether that can be kept or not: it is told
        fault = unavailable(error)
        if fault is None:
            raise
        log.warning("the answer to a key was not kept: %s", fault.reason)
        drop_connection(fault)
    return answer


def _let_go(_error: BaseException | None) -> None:
    if let_go := g.pop("let_go", None):
        let_go()


def has_key() -> bool:
    """Whether a program sent this request with a key."""
    return "claim" in g


def nothing_done() -> None:
    """The answer to this request is that nothing was done for it, though it is no refusal: its key stays free."""
    if has_key():
        g.claim.done = False


def first_said(text: str) -> str:
    """`text`, or what the first attempt of this request with a key said here: its process may have been killed after
    the work and before the answer, and the next attempt starts from how things stood before it."""
    claim: _Claim = g.claim
    if claim.noted is None:
        claim.noted = text
        claim.keep({"noted": text})
    return claim.noted
