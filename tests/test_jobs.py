"""Background jobs: each promise of the queue by its name, on both databases, run as a worker runs them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW, PASSWORD, SignedIn, on_both_databases

from accounts.models import AuditEntry
from accounts.people import create_user, set_role
from database import db as proxy
from database import utc_now
from errors import N_, Message, Refused
from jobs import engine, queue, running, timetable
from jobs.kinds import KINDS, Kind, register
from jobs.models import Job
from jobs.running import LEASE, Ended, Run


@pytest.fixture
def kind() -> Iterator[Callable[..., Kind]]:
    """Registers kinds of work for a test."""
    made: list[str] = []

    def make(work: Callable[[Run], None], **more: Any) -> Kind:
        made.append("test")
        return register(Kind("test", N_("Jobs"), work, **more))

    yield make
    for code in made:
        KINDS.pop(code, None)


def deliver(app: Any, at: Any = None) -> int:
    """What a worker's threads do with the messages that are there; gives how many there were."""
    consumer = engine.huey_for(lambda job_id: running.execute(app, job_id))
    count = 0
    while (task := consumer.dequeue()) is not None:
        consumer.execute(task, at.replace(tzinfo=None) if at else None)
        count += 1
    proxy.connect(reuse_if_open=True)
    return count


def bring_up(app: Any, now: Any) -> None:
    """What huey's scheduler does with the messages whose time has come."""
    consumer = engine.huey_for(lambda job_id: None)
    for task in consumer.read_schedule(now.replace(tzinfo=None)):
        consumer.enqueue(task)


@on_both_databases
def test_a_job_whose_transaction_is_undone_was_never_there(app, kind):
    kind(lambda run: None)
    with proxy.atomic() as transaction:
        queue.order("test", {}, utc_now())
        transaction.rollback()
    assert Job.select().count() == 0
    assert deliver(app) == 0
    queue.order("test", {}, utc_now())
    assert deliver(app) == 1
    assert Job.get().state == "done"


@on_both_databases
def test_a_message_that_comes_twice_runs_the_job_once(app, kind):
    ran = []
    kind(lambda run: ran.append(run.args))
    job = queue.order("test", {"a": 1}, utc_now())
    engine.send(job.id, utc_now(), 0, utc_now())
    assert deliver(app) == 2
    assert ran == [{"a": 1}]
    assert (Job.get().runs, Job.get().state) == (1, "done")


@on_both_databases
def test_while_one_waits_the_same_work_is_not_ordered_again_and_what_comes_while_it_runs_is(app, kind):
    inside = []

    def work(run: Run) -> None:
        inside.append(queue.order("test", {}, utc_now(), key="k").id)

    kind(work)
    first = queue.order("test", {}, utc_now(), key="k")
    assert queue.order("test", {}, utc_now(), key="k").id == first.id
    deliver_one = engine.huey_for(lambda job_id: running.execute(app, job_id))
    deliver_one.execute(deliver_one.dequeue())
    proxy.connect(reuse_if_open=True)
    assert inside[0] != first.id
    assert Job.select().where(Job.state == "waiting").count() == 1


@on_both_databases
def test_what_fails_is_tried_again_later_each_time_after_a_longer_wait_and_then_waits_for_somebody(app, kind, user):
    def work(run: Run) -> None:
        raise ValueError("no")

    kind(work, tries=3)
    job = queue.order("test", {}, utc_now(), by=user)
    waits = []
    deliver(app)
    while (job := Job.get_by_id(job.id)).state == "waiting":
        waits.append((job.due_time - utc_now()).total_seconds())
        bring_up(app, utc_now())
        assert deliver(app) == 0  # not before its time
        Job.update(due_time=utc_now()).execute()
        bring_up(app, job.due_time)
        assert deliver(app, job.due_time) == 1
    assert waits == pytest.approx([5, 20], abs=4)
    assert (job.state, job.attempts) == ("failed", 3)
    assert "ValueError" in str(running.error_of(job))
    queue.retry(job, utc_now())
    assert Job.get().state == "waiting"
    assert deliver(app) == 1
    lines = AuditEntry.select().where(AuditEntry.kind == "job").order_by(AuditEntry.id)
    assert [(line.verb, line.kind) for line in lines] == [("ordered", "job"), ("retried", "job")]


@on_both_databases
def test_what_is_refused_is_not_tried_again_and_says_why_in_the_language_of_who_looks(app, kind):
    def work(run: Run) -> None:
        raise Refused("no", N_("Choose at least one box."))

    kind(work)
    queue.order("test", {}, utc_now())
    deliver(app)
    job = Job.get()
    assert (job.state, job.attempts) == ("failed", 1)
    assert running.error_of(job) == Message("Choose at least one box.")


@on_both_databases
def test_a_job_stops_when_it_is_cancelled_at_its_next_step(app, kind):
    steps = []

    def work(run: Run) -> None:
        for number in range(5):
            steps.append(number)
            if number == 1:
                queue.cancel(run.job, utc_now())
            run.told = 0  # as if time had passed
            run.step(number, 5)

    kind(work)
    waiting = queue.order("test", {}, utc_now())
    assert queue.cancel(waiting, utc_now())
    assert deliver(app) == 1
    assert (Job.get().state, steps) == ("cancelled", [])
    running_one = queue.order("test", {}, utc_now())
    deliver(app)
    job = Job.get_by_id(running_one.id)
    assert (job.state, job.done, job.total, steps) == ("cancelled", 1, 5, [0, 1])
    assert not queue.cancel(job, utc_now())


@on_both_databases
def test_a_job_that_takes_too_long_ends_at_its_next_step_and_is_tried_again(app, kind):
    def work(run: Run) -> None:
        run.begun -= 61
        run.step()

    kind(work, seconds=60)
    queue.order("test", {}, utc_now())
    deliver(app)
    assert Job.get().state == "waiting"
    assert "60" in str(running.error_of(Job.get()))


@on_both_databases
def test_a_worker_that_stops_lets_its_job_wait_for_the_next_one_and_that_is_no_failure(app, kind):
    ending = threading.Event()

    def work(run: Run) -> None:
        ending.set()
        run.step()

    kind(work)
    job = queue.order("test", {}, utc_now())
    running.execute(app, job.id, ending)
    proxy.connect(reuse_if_open=True)
    row = Job.get_by_id(job.id)
    assert (row.state, row.attempts, row.error) == ("waiting", 0, "")
    assert not engine.is_empty()


@on_both_databases
def test_the_job_of_a_dead_worker_waits_again_when_its_lease_is_over_and_what_the_dead_one_writes_is_lost(app, kind):
    kind(lambda run: None, tries=2)
    now = utc_now()
    job = queue.order("test", {}, now)
    taken = running.take(job.id, now)
    assert taken is not None
    assert running.take(job.id, now) is None
    assert running.sweep(now + LEASE / 2) == 0
    assert running.sweep(now + LEASE * 2) == 1
    assert Job.get().state == "waiting"
    dead = Run(taken, KINDS["test"], app.config["ROUNDTRIP"], threading.Event())
    with pytest.raises(Ended, match="lost"):
        dead.step(1)
    assert not dead.end("failed")
    Job.update(due_time=utc_now()).execute()
    deliver(app)
    assert (Job.get().state, Job.get().runs) == ("done", 2)


@on_both_databases
def test_a_job_that_kills_its_worker_each_time_is_given_up(app, kind):
    kind(lambda run: None, tries=2)
    now = utc_now()
    job = queue.order("test", {}, now)
    for _ in range(2):
        assert running.take(job.id, now)
        now += LEASE * 2
        running.sweep(now)
    assert Job.get().state == "failed"
    assert "ended 2 times" in str(running.error_of(Job.get()))


@on_both_databases
def test_a_job_whose_message_was_lost_is_sent_again_once_the_queue_is_empty(app, kind):
    kind(lambda run: None)
    now = utc_now()
    queue.order("test", {}, now)
    engine._queue().storage.dequeue()  # a worker took it and was killed at once
    assert running.sweep(now) == 0
    assert running.sweep(now + LEASE * 2) == 1
    Job.update(due_time=now).execute()
    assert deliver(app) == 1
    assert Job.get().state == "done"


@on_both_databases
def test_what_is_due_by_itself_is_ordered_once_in_its_span_whoever_asks(app, kind):
    kind(lambda run: None, every=timedelta(hours=1))
    now = NOW
    assert timetable.plan(now) >= 1
    assert timetable.plan(now) == 0
    deliver(app)
    assert timetable.plan(now + timedelta(minutes=5)) == 0  # done, and the hour is not over
    assert timetable.plan(now + timedelta(hours=1)) >= 1


def test_results_go_when_their_time_is_over_and_rows_of_ended_jobs_too(app, kind, tmp_path):
    kind(lambda run: run.gives(b"%PDF", "x.pdf"))
    queue.order("test", {}, utc_now())
    deliver(app)
    folder = app.config["ROUNDTRIP"].results_dir
    assert len(list(folder.rglob("*.pdf"))) == 1
    queue.order("tidy", {}, utc_now())
    deliver(app)
    assert len(list(folder.rglob("*.pdf"))) == 1
    Job.update(file_until=NOW, ended_time=NOW - timedelta(days=40)).execute()
    queue.order("tidy", {}, utc_now())
    deliver(app)
    assert list(folder.rglob("*.pdf")) == []
    assert [job.kind for job in Job.select()] == ["tidy"]  # the one that did it


@pytest.fixture
def lead(app):
    with app.app_context():
        person = create_user("lead", PASSWORD, NOW)
        set_role(person, "logistics_lead", True)
    return person


def signed_in(app, person):
    client = SignedIn(app, app.response_class)
    client.sign_in(person)
    return client


def test_one_sees_and_stops_ones_own_jobs_and_who_looks_after_jobs_all_of_them(app, kind, client, lead):
    kind(lambda run: None, right="statements.write")
    mine = queue.order("test", {}, utc_now(), by=lead, about="of lead")
    other = queue.order("test", {}, utc_now(), about="of the service")
    own = signed_in(app, lead)
    page = own.get("/jobs").get_data(as_text=True)
    assert "of lead" in page
    assert "of the service" not in page
    assert own.get(f"/jobs/{other.id}").status_code == 404
    assert own.post(f"/jobs/{other.id}/cancel").status_code == 404
    assert own.post(f"/jobs/{mine.id}/cancel").status_code == 302
    assert Job.get_by_id(mine.id).state == "cancelled"
    page = client.get("/jobs").get_data(as_text=True)
    assert "of lead" in page
    assert "of the service" in page
    assert client.post(f"/jobs/{mine.id}/retry").status_code == 302
    assert client.post(f"/jobs/{other.id}/retry").status_code == 409  # it has not failed


def test_a_job_of_somebody_who_lost_the_right_is_not_done(app, kind, lead):
    ran = []
    kind(ran.append, right="statements.write")
    queue.order("test", {}, utc_now(), by=lead)
    set_role(lead, "logistics_lead", False)
    deliver(app)
    assert ran == []
    assert Job.get().state == "failed"


def test_what_a_job_changes_is_told_as_done_by_who_asked_for_it(app, kind, lead):
    from master_data.models import Party

    kind(lambda run: Party.create(code="X", name_en="X", address_en="x", country="DE", changed_time=NOW) and None)
    queue.order("test", {}, utc_now(), by=lead)
    deliver(app)
    line = AuditEntry.select().where(AuditEntry.kind == "party").get()
    assert line.actor == "lead"
    assert json.loads(line.body)["job"] == Job.get().id


def test_health_tells_how_long_the_oldest_job_waits_and_metrics_count(app, kind, client):
    kind(lambda run: None)
    queue.order("test", {}, utc_now() - timedelta(minutes=11))
    answer = client.get("/healthz?full").json
    assert answer["checks"]["jobs"]["waiting"] == 1
    assert 655 <= answer["checks"]["jobs"]["oldest_seconds"] <= 720
    assert "does a worker run?" in answer["faults"]["jobs"]
    told = client.get("/metrics").get_data(as_text=True)
    assert "roundtrip_jobs_waiting 1.0" in told
    deliver(app)
    assert "jobs" not in client.get("/healthz?full").json["faults"]
