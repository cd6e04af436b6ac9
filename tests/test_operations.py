"""Health and metrics: what they tell, what they find wrong, and to whom they say it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW, SignedIn, on_both_databases, unrenderable

import database
from accounts.audit import record
from accounts.people import create_token, create_user
from config import ROOT
from database import utc_now
from docs_gen import render_pool
from jobs.models import Job
from operations import health


@pytest.fixture(scope="module", autouse=True)
def pool():
    yield
    render_pool.close()


def checked(client: Any, **more: Any) -> dict[str, Any]:
    answer = client.get("/healthz?full", **more)
    assert answer.status_code in (200, 503)
    told = answer.get_json()
    assert (answer.status_code == 503) == bool(told["faults"]) == (told["status"] == "fault")
    return told


@on_both_databases
def test_health_tells_each_part_and_nothing_is_wrong_but_that_no_backup_was_made(client, world):
    told = checked(client)
    assert set(told["faults"]) <= {"backup", "disk"}
    assert set(told["checks"]) == {"database", "renderer", "papers", "jobs", "disk", "clock", "backup", "libraries"}
    assert told["checks"]["renderer"]["without_network"] is True
    assert told["checks"]["renderer"]["without_files"] is True
    assert told["checks"]["papers"] == {"unfinished": 0}


def test_health_says_what_is_wrong(client, world, monkeypatch):
    old = utc_now() - timedelta(hours=1)
    Job.create(kind="issue_set", due_time=old, created_time=old)
    monkeypatch.setattr("accounts.audit.utc_now", lambda: utc_now() + timedelta(days=1))
    record("tried", "clock")
    monkeypatch.undo()
    monkeypatch.setattr(health, "missing_requirements", lambda: ["libpango is missing: apt-get install libpango"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    faults = checked(client)["faults"]
    assert "waited for more than 10 minutes" in faults["jobs"]
    assert "behind the newest line of the audit" in faults["clock"]
    assert "libpango" in faults["libraries"]
    assert "less than 512 MB" in faults["disk"]


def test_a_check_that_fails_is_a_fault_and_hides_no_other(client, world, monkeypatch):
    def broken(_: Any) -> None:
        raise OSError("/srv/secret is gone")

    monkeypatch.setattr(health, "_disk", broken)
    told = checked(client)
    assert told["faults"]["disk"] == "could not be looked at (OSError)"
    assert told["checks"]["database"]["ms"] >= 0


PATHS = ["/healthz?full", "/metrics"]


@pytest.mark.parametrize("path", PATHS)
def test_only_who_may_sees_how_the_service_is(app, anonymous, client, path):
    with app.app_context():
        clerk = create_user("li.na", "correct horse battery", NOW, role="document_clerk")
        admin = create_user("ops", "correct horse battery", NOW, administrator=True)
    other = SignedIn(app, app.response_class)
    other.sign_in(clerk)
    assert other.get(path).status_code == 403
    assert anonymous.get(path).status_code == 403  # the tests' address is https: a proxy, behind which all are local
    assert client.get(path).status_code in (200, 503)
    for rights, status in ((["operations.read"], (200, 503)), (["shipments.read"], (403,))):
        token = create_token(admin, "monitor", NOW, rights=rights)
        assert anonymous.get(path, headers={"Authorization": f"Bearer {token}"}).status_code in status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("base", "hops", "address", "headers", "seen"),
    [
        ("http://127.0.0.1:8000", 0, "127.0.0.1", {}, True),
        ("http://127.0.0.1:8000", 0, "::1", {}, True),
        ("http://127.0.0.1:8000", 0, "192.168.1.7", {}, False),
        ("http://127.0.0.1:8000", 0, "127.0.0.1", {"X-Forwarded-For": "192.168.1.7"}, False),
        ("https://rt.example.com", 0, "127.0.0.1", {}, False),
        ("https://rt.example.com", 1, "127.0.0.1", {}, True),
    ],
)
def test_this_machine_is_believed_only_where_no_proxy_hides_another(
    app, anonymous, path, base, hops, address, headers, seen
):
    app.config["ROUNDTRIP"] = replace(app.config["ROUNDTRIP"], base_url=base, proxy_hops=hops)
    answer = anonymous.get(path, headers=headers, environ_base={"REMOTE_ADDR": address})
    assert (answer.status_code != 403) == seen


def test_metrics_count_requests_by_route_papers_and_scans(client, world):
    from test_scan_api import event

    def figures() -> dict[str, float]:
        answer = client.get("/metrics")
        assert answer.content_type.startswith("text/plain")
        lines = [line for line in answer.get_data(as_text=True).splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    before = figures()
    client.get("/parties/HAMBURG")
    client.get("/parties/NOBODY-AT-ALL")
    client.get("/no/such/page/at/all")
    client.get("/shipments/S-2026-0001/documents/packing_list.pdf")
    with unrenderable():
        client.get("/shipments/S-2026-0001/documents/packing_list.pdf")
    client.post("/api/v1/scan-events", json=event())
    after = figures()

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert more('roundtrip_requests_total{method="GET",route="/parties/<code>",status="200"}') == 1
    assert more('roundtrip_requests_total{method="GET",route="/parties/<code>",status="404"}') == 1
    assert more('roundtrip_requests_total{method="GET",route="none",status="404"}') == 1
    assert more('roundtrip_papers_total{result="rendered"}') == 1
    assert more('roundtrip_papers_total{result="failed"}') == 1
    assert more('roundtrip_request_seconds_count{route="/parties/<code>"}') == 2
    assert (
        sum(value - before.get(name, 0) for name, value in after.items() if name.startswith("roundtrip_scans_total"))
        == 1
    )
    assert after["roundtrip_disk_free_bytes"] > 0
    assert after["roundtrip_jobs_waiting"] == 0
    assert "HAMBURG" not in "".join(after)


def test_the_first_requests_of_a_process_may_come_side_by_side() -> None:
    """Two threads that count first at the same moment: neither fails (a figure can be made only once)."""
    script = (
        "import sys, threading, metrics\n"
        "sys.setswitchinterval(1e-6)\n"
        "gate, faults = threading.Barrier(16), []\n"
        "def count():\n"
        "    gate.wait()\n"
        "    try: metrics.answered('GET', '/x', 200, 0.1)\n"
        "    except Exception as fault: faults.append(fault)\n"
        "threads = [threading.Thread(target=count) for _ in range(16)]\n"
        "[one.start() for one in threads]; [one.join() for one in threads]\n"
        "sys.exit(repr(faults) if faults else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@on_both_databases
def test_the_clock_of_a_host_is_held_against_that_of_the_database(app, db, monkeypatch) -> None:
    """Leases are given by one host and ended by another: they go by the clock that both share."""
    off = timedelta(minutes=5)
    monkeypatch.setattr(database, "utc_now", lambda: utc_now() + off)
    monkeypatch.setattr(database, "_off", (0.0, 0.0))
    several = "Sqlite" not in type(db).__name__
    assert abs(database.shared_now() - utc_now() - (timedelta() if several else off)) < timedelta(seconds=3)
    found = health.findings(app.config["ROUNDTRIP"])["clock"]
    assert (round(found.told["off_database_seconds"]), "off that of the database" in found.fault) == (
        (300, True) if several else (0, False)
    )


@pytest.mark.parametrize("path", ["/api/v1/devices/me", "/shipments", "/healthz"])
def test_a_database_that_is_away_is_told_as_such_to_programs_and_people(app, path) -> None:
    """Also where the language of the answer is that of the person, whom only the database knows."""
    before = database.db.obj
    database.open_database("psycopg3+pool://postgres@127.0.0.1:1/none")
    try:
        for header in ({"Authorization": "Bearer some-token-of-somebody"}, {}):
            answer = app.test_client().get(path, headers=header)
            assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5"), (path, header)
    finally:
        database.db.initialize(before)
