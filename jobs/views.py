"""The page of background jobs, of one of them, and what it made."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from markupsafe import Markup
from peewee import JOIN

import archive
from accounts.access import may, needs, opens
from accounts.models import User
from accounts.scope import seen
from database import utc_now
from errors import N_, Refused
from i18n import translated
from jobs import queue
from jobs.kinds import KINDS
from jobs.models import Job
from jobs.running import error_of, result_lines, suffix_of
from jobs.visible import visible_jobs
from listing import Column, Filter, answer, attachment
from master_data.home import home_zone

blueprint = Blueprint("jobs", __name__)

#: state → its word, and how it looks
STATES = {
    "waiting": (N_("waiting"), "warn"),
    "running": (N_("being done"), "warn"),
    "done": (N_("done"), "ok"),
    "failed": (N_("failed"), "bad"),
    "cancelled": (N_("cancelled"), "off"),
}


@blueprint.get("/jobs")
@needs("jobs.read")
def job_list() -> Response | str:
    """One's own jobs; who looks after jobs sees those of his entities. `?state=failed`: what wants somebody."""
    query = Job.select(Job, User).join(User, JOIN.LEFT_OUTER)
    if may("jobs.manage") and not request.args.get("whose"):
        query = query.where(Job.asked_by.is_null(False) | Job.state.in_(["waiting", "running", "failed"]))
    query = seen(visible_jobs, query)
    states = Filter("state", N_("State"), [(code, title) for code, (title, _look) in STATES.items()],
                    lambda q, v: q.where(Job.state == v))  # fmt: skip
    kinds = Filter("kind", N_("Work"), [(one.code, one.title) for one in KINDS.values()],
                   lambda q, v: q.where(Job.kind == v))  # fmt: skip
    whose = Filter("whose", N_("Asked for by"), [("me", N_("me")), ("service", N_("the service itself"))], _whose)
    zone = ZoneInfo(home_zone())
    columns = (
        Column("work", N_("Work"), title_of, Job.kind, url=lambda row: url_for("jobs.job_page", id=row.id)),
        Column("about", N_("What"), lambda row: row.about, Job.about),
        Column("state", N_("State"), state_title, Job.state, html=state_html),
        Column("progress", N_("Progress"), progress_text),
        Column("by", N_("Asked for by"), by_whom, User.username),
        Column("created", N_("Asked for"), lambda row: _shown(row.created_time, zone), Job.created_time),
        Column("ended", N_("Ended"), lambda row: _shown(row.ended_time, zone), Job.ended_time),
    )
    filters = (states, kinds, whose) if may("jobs.manage") else (states, kinds)
    failed = seen(visible_jobs, Job.select().where(Job.state == "failed")).count()
    return answer(
        query, columns, template="jobs/list.html", name="jobs", filters=filters, sort="-created",
        search=(Job.about, User.username), failed=failed,
    )  # fmt: skip


def _whose(query: Any, chosen: str) -> Any:
    return query.where(Job.asked_by == current_user.id if chosen == "me" else Job.asked_by.is_null())


@blueprint.get("/jobs/<int(max=2147483647):id>")
@needs("jobs.read")
def job_page(id: int) -> str:
    job = _job(id)
    lines = [
        (message, url_for(endpoint, **arguments) if endpoint and opens(endpoint) else "")
        for message, endpoint, arguments in result_lines(job)
    ]
    kind = KINDS.get(job.kind)
    return render_template(
        "jobs/job.html", job=job, title=title_of(job), state=state_html(job), by=by_whom(job), lines=lines,
        error=error_of(job), zone=home_zone(), may_change=may_change(job), running=job.state in ("waiting", "running"),
        progress=progress_text(job), tries=kind.tries if kind else 1, fetchable=_fetchable(job), now=utc_now(),
    )  # fmt: skip


@blueprint.get("/jobs/<int(max=2147483647):id>/result")
@needs("jobs.read")
def result(id: int) -> Response:
    """What the job made: for whoever asked for it, or looks after jobs, and may still see all that it tells."""
    job = _job(id)
    if not job.file_sha256 or job.file_until is None or job.file_until < utc_now():
        abort(404)
    if not _fetchable(job):
        abort(403)
    suffix = suffix_of(job.file_name)
    try:
        data = archive.read(current_app.config["ROUNDTRIP"].results_dir, job.file_sha256, suffix=suffix)
    except archive.ArchiveFault:  # no backup has it, and another machine may
        raise Refused("gone", N_("What this job made is not kept here any more. Ask for it once more.")) from None
    kind = "application/zip" if suffix == ".zip" else "application/pdf"
    return attachment(data, job.file_name, kind, inline=suffix == ".pdf")


@blueprint.post("/jobs/<int(max=2147483647):id>/cancel")
@needs("jobs.read")
def cancel(id: int) -> Any:
    job = _to_change(id)
    if queue.cancel(job, utc_now()):
        flash(_("It stops at its next step.") if job.state == "running" else _("Cancelled."))
    return redirect(url_for(".job_page", id=id))


@blueprint.post("/jobs/<int(max=2147483647):id>/retry")
@needs("jobs.read")
def retry(id: int) -> Any:
    queue.retry(_to_change(id), utc_now())
    return redirect(url_for(".job_page", id=id))


def title_of(job: Job) -> str:
    """What kind of work it is."""
    kind = KINDS.get(job.kind)
    return translated(kind.title) if kind else str(job.kind)


def state_title(job: Job) -> str:
    """Its state as a word."""
    if job.state == "running" and job.stop_asked:
        return _("being stopped")
    return translated(STATES[job.state][0])


def state_html(job: Job) -> Any:
    """The same, coloured."""
    return Markup('<span class="rt-state rt-{}">{}</span>').format(STATES[job.state][1], state_title(job))


def progress_text(job: Job) -> str:
    """`12 of 500`; '' where that is not known."""
    return _("%(done)s of %(all)s", done=job.done, all=job.total) if job.total else ""


def by_whom(job: Job) -> str:
    """Who asked for it."""
    return job.asked_by.shown if job.asked_by else _("the service itself")


def _shown(time: datetime | None, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%Y-%m-%d %H:%M") if time else ""


def _job(id: int) -> Job:
    return seen(visible_jobs, Job.select(Job, User).join(User, JOIN.LEFT_OUTER).where(Job.id == id)).first() or abort(
        404
    )


def may_change(job: Job) -> bool:
    """One's own jobs one stops and asks for once more, as long as one may do such work; others who looks after them."""
    kind = KINDS.get(job.kind)
    return may("jobs.manage") or (
        job.asked_by_id == current_user.id and (not kind or not kind.right or may(kind.right))
    )


def _to_change(id: int) -> Job:
    job = _job(id)
    if not may_change(job):
        abort(403)
    return job


def _fetchable(job: Job) -> bool:
    kind = KINDS.get(job.kind)
    return bool(job.file_sha256 and kind and (not kind.right or may(kind.right)) and kind.may_fetch(job))
