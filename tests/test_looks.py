"""Logo, colour, seals and wording of one's own: what may be uploaded, who may place it, what the papers show."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from conftest import NOW, PASS, SignedIn
from flask import Flask
from PIL import Image, ImageDraw, PngImagePlugin
from pypdf import PdfReader
from samples import World

import archive
from accounts.models import User
from accounts.people import create_user, set_role
from config import ROOT, Settings
from docs_gen import integrity, looks
from docs_gen.issuing import Order, issue_document, render_document
from docs_gen.models import IssuedDocument, Seal, SealUse, SellerLook, Wording
from errors import InvalidInput, Refused


@pytest.fixture
def settings(app: Flask) -> Settings:
    return app.config["ROUNDTRIP"]


@pytest.fixture
def clerk(app: Flask) -> User:
    with app.app_context():
        return create_user("zhang.wei", "correct horse battery", NOW, role="document_clerk")


def png(width: int = 300, height: int = 100, mode: str = "RGB", colour: Any = (26, 79, 139)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def stamp() -> bytes:
    picture = Image.new("RGBA", (500, 500), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((20, 20, 480, 480), outline=(200, 0, 0, 255), width=20)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of a few kilobytes whose head claims 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000))
        + chunk(b"IEND", b"")
    )


def said(data: bytes) -> str:
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def images(data: bytes) -> list[Any]:
    with pikepdf.open(io.BytesIO(data)) as file:
        return [
            (int(one["/Width"]), bool(one.get("/Interpolate", False)))
            for one in file.objects
            if isinstance(one, pikepdf.Stream) and one.get("/ColorSpace") == "/DeviceRGB"  # not a mask
        ]


def upload(client: SignedIn, path: str, **form: Any) -> Any:
    return client.post(path, data=form, content_type="multipart/form-data")


# ---- pictures


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "PNG or JPEG"),
        (b"GIF89a" + b"\0" * 100, "PNG or JPEG"),
        (png()[:60], "PNG or JPEG"),
        (b"", "PNG or JPEG"),
        (bomb(), "4000 pixels|PNG or JPEG"),
        (png(4001, 10), "4000 pixels"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * (2 * 1024 * 1024), "2 MB"),
    ],
)
def test_what_is_no_plain_picture_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        looks.picture(data, "logo")


def test_a_picture_is_made_anew_small_and_without_what_came_with_it() -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "the secret of the house")
    buffer = io.BytesIO()
    Image.new("CMYK", (3900, 1300), (0, 0, 0, 0)).convert("RGB").save(buffer, "PNG", pnginfo=told)
    made = looks.picture(buffer.getvalue() + b"<?php evil", "logo")
    assert b"secret" not in made
    assert b"php" not in made
    with Image.open(io.BytesIO(made)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (1063, 354))
        assert not picture.info


def test_a_stamp_without_transparency_is_refused() -> None:
    with pytest.raises(InvalidInput, match="transparent"):
        looks.picture(png(), "file", seal=True)
    assert looks.picture(stamp(), "file", seal=True)


@pytest.mark.parametrize(("text", "kept"), [("#1A4F8B", "#1a4f8b"), ("", ""), ("#000000", "#000000")])
def test_a_dark_colour_is_taken(text: str, kept: str) -> None:
    assert looks.colour(text) == kept


@pytest.mark.parametrize("text", ["#ffff00", "#ffffff", "#777", "red", "#12345g", "#1a4f8b;}*{color:red"])
def test_a_pale_or_strange_colour_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        looks.colour(text)


def test_contrast_is_that_of_wcag() -> None:
    assert looks.contrast("#000000") == pytest.approx(21)
    assert looks.contrast("#ffffff") == pytest.approx(1)
    assert looks.contrast("#767676") == pytest.approx(4.54, abs=0.01)


# ---- on paper


def test_logo_and_colour_stand_on_draft_and_paper_and_the_paper_keeps_them(
    client: SignedIn, world: World, settings: Settings
) -> None:
    answer = upload(client, "/looks/SUZHOU", colour="#1a4f8b", logo=(io.BytesIO(png()), "logo.png"))
    assert answer.status_code == 302
    assert client.get("/looks/SUZHOU/logo.png").mimetype == "image/png"
    draft = client.get("/shipments/S-2026-0001/documents/packing_list.pdf").data
    assert images(draft) == [(300, False)]  # PDF/A forbids to interpolate
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
    assert images(archive.read(settings.archive_dir, document.sha256)) == [(300, False)]
    assert '"colour":"#1a4f8b"' in document.facts

    # another logo changes neither the paper nor how it is made again; and it is not stale for that
    upload(client, "/looks/SUZHOU", colour="", logo=(io.BytesIO(png(200, 90, colour=(0, 0, 0))), "new.png"))
    again = render_document(IssuedDocument.get_by_id(document.id), settings.pictures_dir)
    assert again.data == archive.read(settings.archive_dir, document.sha256)
    assert "has changed since" not in client.get("/shipments/S-2026-0001").get_data(as_text=True)
    upload(client, "/looks/SUZHOU", colour="", remove="y")
    assert SellerLook.get().logo == ""
    assert images(client.get("/shipments/S-2026-0001/documents/packing_list.pdf").data) == []
    assert list(integrity.faults(settings.archive_dir)) == []
    assert list(looks.faults(settings.pictures_dir, settings.packs_dir)) == []


def test_a_lost_picture_is_told_and_no_other_paper_waits(client: SignedIn, world: World, settings: Settings) -> None:
    upload(client, "/looks/SUZHOU", logo=(io.BytesIO(png()), "logo.png"))
    next(settings.pictures_dir.glob("??/*")).unlink()
    answer = client.get("/shipments/S-2026-0001/documents/packing_list.pdf")
    assert answer.status_code == 500
    assert "backup" in answer.get_data(as_text=True)
    assert len(list(looks.faults(settings.pictures_dir, settings.packs_dir))) == 1


def test_a_wrong_upload_is_told_at_its_field(client: SignedIn, world: World) -> None:
    answer = upload(client, "/looks/SUZHOU", colour="#1a4f8b", logo=(io.BytesIO(b"GIF89a"), "logo.png"))
    assert answer.status_code == 422
    assert 'id="logo-error"' in answer.get_data(as_text=True)
    assert upload(client, "/looks/SUZHOU", colour="#ffff00").status_code == 422
    assert SellerLook.select().count() == 0


# ---- seals


@pytest.fixture
def seal(client: SignedIn, world: World) -> Seal:
    form = {"name": "公章", "kind": "stamp", "types": ["packing_list"], "file": (io.BytesIO(stamp()), "seal.png")}
    assert upload(client, "/looks/SUZHOU/seals/new", **form).status_code == 302
    return Seal.get()


def test_a_seal_is_placed_only_with_the_right_only_where_it_may_and_each_use_is_noted(
    client: SignedIn, world: World, settings: Settings, user: User, clerk: User, seal: Seal
) -> None:
    order = Order("packing_list", reasons=PASS, seals=(seal.id,))
    for person in (user, clerk, None):  # not even the administrator without the right
        with pytest.raises(Refused, match="may not place"):
            issue_document(world.shipment, order, person, NOW, settings)
    assert SealUse.select().count() == 0
    set_role(clerk, "seal", True)
    wrong = Order("commercial_invoice", reasons=PASS, seals=(seal.id,))
    with pytest.raises(Refused, match="may not place"):
        issue_document(world.shipment, wrong, clerk, NOW, settings)
    document = issue_document(world.shipment, order, clerk, NOW, settings)
    assert images(archive.read(settings.archive_dir, document.sha256)) == [(500, False)]
    use = SealUse.get()
    assert (use.seal_id, use.document_id, use.used_by_id) == (seal.id, document.id, clerk.id)
    page = client.get(f"/seals/{seal.id}").get_data(as_text=True)
    assert document.number in page
    assert "zhang.wei" in page
    assert images(client.get("/shipments/S-2026-0001/documents/packing_list.pdf").data) == []  # never on a draft

    set_role(clerk, "seal", False)
    with pytest.raises(Refused, match="may not place"):
        issue_document(world.shipment, order, clerk, NOW, settings)


def test_an_archived_seal_is_placed_no_more_and_stays_on_its_papers(
    client: SignedIn, world: World, settings: Settings, clerk: User, seal: Seal
) -> None:
    set_role(clerk, "seal", True)
    order = Order("packing_list", reasons=PASS, seals=(seal.id,))
    document = issue_document(world.shipment, order, clerk, NOW, settings)
    assert client.post(f"/seals/{seal.id}/archive").status_code == 302
    with pytest.raises(Refused, match="may not place"):
        issue_document(world.shipment, order, clerk, NOW, settings)
    again = render_document(IssuedDocument.get_by_id(document.id), settings.pictures_dir)
    assert again.data == archive.read(settings.archive_dir, document.sha256)


def test_the_right_is_given_and_taken_back_by_a_command(app: Flask, clerk: User) -> None:
    runner = app.test_cli_runner()
    assert "seal" in runner.invoke(args=["user", "role", "zhang.wei", "seal"]).output
    assert clerk.has_role("seal")
    assert "seal" not in runner.invoke(args=["user", "role", "zhang.wei", "seal", "--take-back"]).output
    assert not clerk.has_role("seal")
    assert runner.invoke(args=["user", "role", "zhang.wei", "king"]).exit_code == 2


def test_only_administrators_change_looks_and_see_seals(app: Flask, client: SignedIn, clerk: User, seal: Seal) -> None:
    other = SignedIn(app, app.response_class)
    other.sign_in(clerk)
    assert other.get("/looks").status_code == 200
    assert other.get("/wordings").status_code == 200
    for path in (
        "/looks/SUZHOU",
        "/looks/SUZHOU/seals/new",
        f"/seals/{seal.id}",
        f"/seals/{seal.id}.png",
        "/wordings/new",
    ):
        assert other.get(path).status_code == 403, path
        if not path.endswith(".png"):
            assert other.post(path).status_code == 403, path
    assert client.post("/looks/SUZHOU", csrf=False).status_code == 400
    assert client.get("/looks/HAMBURG").status_code == 404  # not our own company


# ---- wording


def wording(client: SignedIn, text: str, **fields: str) -> Any:
    """Keep one; a point ends its text."""
    text = text and f"{text}."
    form = {
        "slot": "footer",
        "type": "",
        "seller": "",
        "customer": "",
        "destination": "",
        "language": "en",
        "text": text,
        **fields,
    }
    return client.post("/wordings/new", data=form)


def test_the_most_special_wording_stands_on_the_draft(client: SignedIn, world: World) -> None:
    def footer() -> str:
        text = said(client.get("/shipments/S-2026-0001/documents/packing_list.pdf").data)
        return next(iter(re.findall(r"(F-[A-Z]+)\.", text)), "")

    for text, fields in (
        ("F-ALL", {}),
        ("F-SELLER", {"seller": "SUZHOU"}),
        ("F-UNION", {"destination": "EU"}),
        ("F-GERMANY", {"destination": "DE"}),
        ("F-CUSTOMER", {"customer": "HAMBURG"}),
        ("F-PAPER", {"customer": "HAMBURG", "type": "packing_list"}),
    ):
        assert wording(client, text, **fields).status_code == 302, text
        assert footer() == text
    assert wording(client, "F-OTHER", customer="NAGOYA").status_code == 302
    assert wording(client, "F-JAPAN", customer="HAMBURG", type="packing_list", destination="JP").status_code == 302
    assert footer() == "F-PAPER"
    special = Wording.get(Wording.text == "F-PAPER.")
    client.post(f"/wordings/{special.id}/archive")
    assert footer() == "F-CUSTOMER"


def test_a_wording_that_cannot_be_printed_or_is_there_already_is_told_at_its_field(
    client: SignedIn, world: World
) -> None:
    assert wording(client, "Once").status_code == 302
    twice = wording(client, "Twice")
    assert twice.status_code == 422
    assert 'id="slot-error"' in twice.get_data(as_text=True)
    for text in ("", "x" * 4001, "𓀀"):
        assert 'id="text-error"' in wording(client, text, language="zh").get_data(as_text=True), text
    assert Wording.select().count() == 1
    first = Wording.get()
    client.post(f"/wordings/{first.id}/archive")
    assert wording(client, "Twice").status_code == 302
    again = client.post(f"/wordings/{first.id}/archive", data={"archived": "0"})
    assert again.status_code == 400  # its place is taken by now
    assert Wording.get_by_id(first.id).archived


def test_every_place_that_a_template_has_is_offered_and_every_offered_one_exists() -> None:
    found = set()
    for path in (ROOT / "templates" / "documents").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"wording\(facts, type, '([a-z-]+)'\)", text))
        found |= {f"clause-{name}" for name in re.findall(r"\bclause\('([a-z-]+)'", text)}
    assert found == set(looks.SLOTS)


def test_pictures_lie_apart_from_papers(tmp_path: Path) -> None:
    sha256 = archive.keep(tmp_path, b"x", suffix=".png")
    assert [path.name for path in tmp_path.glob("??/*")] == [f"{sha256}.png"]
    assert archive.read(tmp_path, sha256, suffix=".png") == b"x"
