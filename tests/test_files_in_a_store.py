"""Kept files in a store that speaks S3, over real HTTP: kept once, never replaced, held against their hash; links that
only those get who may; a store that is away is told as such, and nothing is half done."""

from __future__ import annotations

import hashlib
import io
import os
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, PASS, on_both_databases, settings_for
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from s3_server import Store
from samples import World

import archive
import backup
import buckets
import moving
from accounts.models import AuditEntry
from config import Bucket, Settings, SettingsFault, load_settings
from database import db as proxy
from database import utc_now
from docs_gen import prepared
from docs_gen.checklist import checklist
from docs_gen.handing_out import names_of_files
from docs_gen.issuing import Order, finish_unfinished, issue_document
from docs_gen.models import IssuedDocument
from docs_gen.register import open_packs
from errors import Refused, Unavailable
from invariants import faults
from jobs import running
from jobs.models import Job
from jobs.queue import order
from photos import keep_photo

#: nobody listens there
AWAY = "http://127.0.0.1:1"


@pytest.fixture
def bucket(s3: Store) -> Bucket:
    return s3.folder()


@pytest.fixture
def use(app: Flask) -> Callable[..., Settings]:
    """Let the application have other settings for its files."""

    def change(**values: Any) -> Settings:
        settings: Settings = replace(app.config["ROUNDTRIP"], **values)
        app.config["ROUNDTRIP"] = settings
        open_packs(settings.packs_dir)
        return settings

    return change


@pytest.fixture
def settings(use: Callable[..., Settings], bucket: Bucket) -> Settings:
    return use(bucket=bucket)


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(out, "PNG")
    return out.getvalue()


def test_a_draft_that_one_host_has_made_is_found_by_the_others_and_none_is_ordered_again(
    app: Flask, world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, web = (replace(settings, data_dir=tmp_path / name) for name in ("worker", "web"))
    order("prepare_papers", {"shipment": world.shipment.id}, NOW)
    app.config["ROUNDTRIP"] = worker
    running.execute(app, Job.get().id)
    proxy.connect(reuse_if_open=True)
    monkeypatch.setattr(prepared, "render_many", lambda jobs: [] if not jobs else pytest.fail("it was made again"))
    listed = checklist(world.shipment, web.base_url)
    assert all(isinstance(one, bytes) for one in prepared.drafts([row.paper for row in listed.rows], web))
    prepared.prepare_when_changed(world.shipment, listed.facts, NOW, web)
    assert Job.select().count() == 1
    later = utc_now() + timedelta(days=prepared.MOST_DAYS + 1)
    assert len(list(buckets.names_before(web.shared_prepared, later))) > len(listed.rows)  # and the mark


def test_a_store_that_is_away_keeps_nobody_from_a_draft_and_is_left_alone_for_a_while(
    app: Flask, world: World, use: Callable[..., Settings], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "_away_until", 0.0)
    settings = use(bucket=replace(bucket, endpoint=AWAY))
    paper = checklist(world.shipment, settings.base_url).rows[0].paper
    assert prepared.drafts([paper], settings)[0][:5] == b"%PDF-"  # type: ignore[index]
    assert prepared._away_until > 0
    monkeypatch.setattr(prepared, "_away_until", 0.0)


def test_what_is_kept_is_there_once_and_is_never_replaced(bucket: Bucket) -> None:
    place = bucket / "files"
    sha256 = archive.keep(place, b"one")
    assert archive.keep(place, b"one") == sha256 == hashlib.sha256(b"one").hexdigest()
    assert archive.read(place, sha256) == b"one"
    name = f"{sha256[:2]}/{sha256}.pdf"
    assert list(archive.names(place)) == [name]
    assert buckets.put(place, name, b"another") is False
    assert archive.read(place, sha256) == b"one"


def test_what_is_missing_or_changed_is_told_and_keeping_it_again_mends_it(bucket: Bucket) -> None:
    place = bucket / "files"
    sha256 = archive.keep(place, b"one")
    buckets.put(place, f"{sha256[:2]}/{sha256}.pdf", b"changed", instead=True)
    with pytest.raises(archive.ArchiveFault, match="was changed") as fault:
        archive.read(place, sha256)
    assert fault.value.found == b"changed"
    archive.keep(place, b"one")
    assert archive.read(place, sha256) == b"one"
    with pytest.raises(archive.ArchiveFault, match="is missing"):
        archive.read(place, "0" * 64)
    with pytest.raises(archive.ArchiveFault, match="is missing"):
        archive.link(place, "0" * 64, timedelta(seconds=60))


def test_a_store_is_tried_before_it_is_used(bucket: Bucket, s3: Store) -> None:
    buckets.try_it(bucket)
    assert list(buckets.names(bucket)) == []  # nothing of it is left
    with pytest.raises((buckets.StoreFault, Unavailable)):
        buckets.try_it(replace(bucket, name=f"{s3.bucket}-that-is-not-there"))
    with pytest.raises(Unavailable):
        buckets.try_it(replace(bucket, endpoint=AWAY))


def test_a_child_of_a_process_that_spoke_to_a_store_does_not_hang_but_is_told(bucket: Bucket) -> None:
    archive.keep(bucket / "files", b"one")
    child = os.fork()
    if not child:
        try:
            archive.keep(bucket / "files", b"two")
        except RuntimeError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_papers_photos_and_pictures_lie_in_the_store_and_are_checked_there(
    client: FlaskClient, world: World, settings: Settings
) -> None:
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    keep_photo(_picture(), "photo", settings.photos_dir)
    answer = client.get(f"/documents/{document.id}.pdf")
    assert (answer.status_code, hashlib.sha256(answer.data).hexdigest()) == (200, document.sha256)
    packed = zipfile.ZipFile(io.BytesIO(client.get("/shipments/S-2026-0001/documents.zip").data))
    assert [hashlib.sha256(packed.read(one)).hexdigest() for one in packed.namelist()] == [document.sha256]
    assert not [path for path in settings.data_dir.glob("*/??/*") if path.is_file()]
    assert list(faults(settings)) == []
    buckets.put(settings.bucket / "files", "ab/strange.txt", b"?")  # type: ignore[operator]
    buckets.put(
        settings.bucket / "photos", f"00/{'0' * 64}.jpg", b"not what its name says"  # type: ignore[operator]
    )  # fmt: skip
    told = " ".join(faults(settings))
    assert ("strange.txt" in told, f"{'0' * 64} was changed" in told) == (True, True)


def test_a_link_is_good_for_a_short_time_and_the_audit_tells_of_it(
    client: FlaskClient, world: World, settings: Settings, use: Callable[..., Settings]
) -> None:
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    use(links=timedelta(seconds=60))
    answer = client.get(f"/documents/{document.id}.pdf")
    assert (answer.status_code, answer.data) == (302, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "X-Amz-Expires=60&" in answer.headers["Location"]
    assert settings.bucket
    assert settings.bucket.secret not in answer.headers["Location"]
    with urllib.request.urlopen(answer.headers["Location"], timeout=10) as fetched:
        assert hashlib.sha256(fetched.read()).hexdigest() == document.sha256
        assert fetched.headers["Content-Type"] == "application/pdf"
        assert f"{document.number}.pdf" in fetched.headers["Content-Disposition"]
    line = AuditEntry.select().where(AuditEntry.verb == "fetched").get()
    assert (line.key, document.number in line.body) == (str(document.id), True)


def test_who_may_not_have_a_paper_gets_no_link(
    anonymous: FlaskClient, world: World, settings: Settings, use: Callable[..., Settings]
) -> None:
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    use(links=timedelta(seconds=60))
    answer = anonymous.get(f"/documents/{document.id}.pdf")
    assert "X-Amz" not in answer.headers.get("Location", "")
    assert AuditEntry.select().where(AuditEntry.verb == "fetched").count() == 0


@on_both_databases
def test_a_store_that_is_away_is_told_and_no_paper_is_half_issued(
    client: FlaskClient, world: World, settings: Settings, use: Callable[..., Settings]
) -> None:
    issued = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    away = use(bucket=replace(settings.bucket, endpoint=AWAY))  # type: ignore[type-var]
    with pytest.raises(Refused) as fault:
        issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, away)
    assert fault.value.reason == "no_files"
    left = IssuedDocument.get(IssuedDocument.type == "commercial_invoice")
    assert (left.state, left.sha256) == ("numbered", "")
    answer = client.get(f"/documents/{issued.id}.pdf")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "15")
    assert "store of the files" in answer.get_data(as_text=True)
    assert client.get("/shipments/S-2026-0001").status_code == 200  # what needs no file goes on
    back = use(bucket=settings.bucket)
    assert [one.number for one in finish_unfinished(back)] == [left.number]
    assert list(faults(back)) == []


def test_a_backup_of_a_service_with_a_store_comes_back_into_another_one(
    world: World, settings: Settings, s3: Store, tmp_path: Path
) -> None:
    settings = replace(settings, data_dir=tmp_path / "data")
    settings.data_dir.mkdir()
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    photo = keep_photo(_picture(), "photo", settings.photos_dir)
    (tmp_path / "backups").mkdir()
    made = backup.backup(tmp_path / "backups" / "one", settings, NOW)
    assert (made.files, made.faults) == (2, ())
    proxy.close()
    empty = replace(settings_for(tmp_path / "new"), bucket=s3.folder())
    from database import open_database

    open_database(empty.database_url)
    with proxy.connection_context():
        backup.restore(tmp_path / "backups" / "one", empty)
        assert archive.read(empty.archive_dir, document.sha256)
        assert archive.read(empty.photos_dir, photo, suffix=".jpg")
        assert list(faults(empty)) == []
        with pytest.raises(backup.BackupFault, match="not empty"):
            backup.restore(tmp_path / "backups" / "one", empty)


def test_files_move_to_the_store_and_back_and_each_is_read_back(
    app: Flask, world: World, bucket: Bucket, tmp_path: Path
) -> None:
    here: Settings = app.config["ROUNDTRIP"]
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, here)
    keep_photo(_picture(), "photo", here.photos_dir)
    lost = archive.keep(here.photos_dir, b"a photo", suffix=".jpg")
    (here.data_dir / "photos" / lost[:2] / f"{lost}.jpg").write_bytes(b"changed")
    moved = moving.move_files(here.data_dir, bucket, names_of_files())
    assert (moved.moved, moved.there, len(moved.faults)) == (2, 0, 1)
    assert lost in moved.faults[0]
    again = moving.move_files(here.data_dir, bucket, names_of_files())
    assert (again.moved, again.there) == (0, 2)
    there = replace(here, bucket=bucket)
    assert archive.read(there.archive_dir, document.sha256) == archive.read(here.archive_dir, document.sha256)
    assert list(faults(there)) == []
    back = moving.move_files(bucket, tmp_path / "back", {})
    assert (back.moved, back.faults) == (2, ())
    assert archive.read(tmp_path / "back" / "files", document.sha256)


def test_all_faults_of_the_settings_are_told_at_once_and_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault) as fault:
        load_settings({
            "ROUNDTRIP_DATA_DIR": str(tmp_path), "ROUNDTRIP_FILES_URL": "s3://Key:topsecret@bucket",
            "ROUNDTRIP_FILES_ENDPOINT": "s3.example.com", "ROUNDTRIP_FILES_REGION": "a b",
            "ROUNDTRIP_FILES_LINKS": "1 day", "ROUNDTRIP_TOTP_KEY": "short",
        })  # fmt: skip
    for name in ("FILES_URL", "FILES_ENDPOINT", "FILES_REGION", "FILES_KEY", "FILES_LINKS", "TOTP_KEY"):
        assert f"ROUNDTRIP_{name}" in str(fault.value)
    assert "topsecret" not in str(fault.value)
    with pytest.raises(SettingsFault, match="ROUNDTRIP_FILES_KEY is given"):
        load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path), "ROUNDTRIP_FILES_KEY": "k"})


def test_the_settings_name_a_folder_of_a_bucket(tmp_path: Path) -> None:
    settings = load_settings({
        "ROUNDTRIP_DATA_DIR": str(tmp_path / "d"), "ROUNDTRIP_FILES_URL": "s3://papers/of/us/",
        "ROUNDTRIP_FILES_ENDPOINT": "http://s3:9000", "ROUNDTRIP_FILES_KEY": "k", "ROUNDTRIP_FILES_SECRET": "topsecret",
    })  # fmt: skip
    assert settings.archive_dir == Bucket("papers", "of/us/files", "http://s3:9000", "us-east-1", "k", "topsecret")
    assert "topsecret" not in repr(settings.bucket)
    assert not (tmp_path / "d" / "files").exists()
