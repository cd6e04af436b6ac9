"""Is a paper genuine? The page behind its QR code, the comparison in the browser, the electronic signature."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from conftest import NOW, PASS
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from samples import World

import archive
from config import Settings, SettingsFault
from docs_gen.issuing import Order, issue_document, void_document
from docs_gen.models import IssuedDocument
from docs_gen.signing import check_certificate


@pytest.fixture
def settings(app: Flask) -> Settings:
    settings: Settings = app.config["ROUNDTRIP"]
    return settings


@pytest.fixture
def issued(world: World, settings: Settings) -> IssuedDocument:
    return issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)


def test_the_qr_on_the_paper_opens_its_page_for_anybody(
    anonymous: FlaskClient, issued: IssuedDocument, settings: Settings
) -> None:
    document = pypdfium2.PdfDocument(archive.read(settings.archive_dir, issued.sha256))
    read = [one.text for one in zxingcpp.read_barcodes(document[0].render(scale=4).to_pil())]
    [uri] = [text for text in read if "/v/" in text]
    page = anonymous.get(uri.removeprefix(settings.base_url)).get_data(as_text=True)
    for text in ("CI-2026-0001", "2026-11-20", "Suzhou Stabil", "Hamburg Automotive", issued.sha256):
        assert text in page
    for private in ("182.50", "5,605", "10-4711", "4500123456", "S-2026-0001"):
        assert private not in page


@pytest.mark.parametrize("code", ["", "x", "A" * 22, "..", "%27"])
def test_a_guessed_code_learns_nothing(anonymous: FlaskClient, issued: IssuedDocument, code: str) -> None:
    answer = anonymous.get(f"/v/{code}")
    assert answer.status_code == 404
    assert "CI-2026-0001" not in answer.get_data(as_text=True)


def test_the_page_tells_replaced_and_void(
    anonymous: FlaskClient, issued: IssuedDocument, world: World, settings: Settings
) -> None:
    second = issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    assert "replaced by a later one: CI-2026-0002" in anonymous.get(f"/v/{issued.verify_code}").get_data(as_text=True)
    void_document(second, "Wrong price", None, NOW)
    said = anonymous.get(f"/v/{second.verify_code}").get_data(as_text=True)
    assert "declared void on 2026-11-23" in said
    assert "Wrong price" not in said


def test_a_dropped_file_is_compared_in_the_browser_and_never_sent(
    page: Page, issued: IssuedDocument, world: World, settings: Settings, tmp_path: Path
) -> None:
    old = archive.read(settings.archive_dir, issued.sha256)
    second = issue_document(world.shipment, Order("commercial_invoice", reasons=PASS), None, NOW, settings)
    files = {"new": archive.read(settings.archive_dir, second.sha256), "old": old, "forged": old[:-1] + b"x"}
    for name, data in files.items():
        (tmp_path / f"{name}.pdf").write_bytes(data)
    sent: list[str] = []
    page.goto(f"/v/{second.verify_code}")
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    for name, said in (
        ("new", "CI-2026-0002, unchanged and valid"),
        ("old", "CI-2026-0001, unchanged, but it was replaced"),
        ("forged", "not the paper that was issued"),
    ):
        page.set_input_files("#file", tmp_path / f"{name}.pdf")
        expect(page.locator("#answer")).to_contain_text(said)
    assert [one for one in sent if "/static/" not in one] == []


# ---- the signature


@pytest.fixture(scope="session")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Suzhou Stabil Steering Co., Ltd.")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("keys") / "signing.p12"
    locked = serialization.BestAvailableEncryption(b"secret")
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"signer", key, certificate, None, locked))
    return path, certificate


def test_a_signed_paper_validates_and_a_changed_byte_does_not(
    world: World, settings: Settings, key_pair: tuple[Path, x509.Certificate]
) -> None:
    from asn1crypto.x509 import Certificate

    path, certificate = key_pair
    signing = replace(settings, signing_file=path, signing_password="secret")
    document = issue_document(world.shipment, Order("packing_list", reasons=PASS), None, NOW, signing)
    assert document.signed
    data = archive.read(settings.archive_dir, document.sha256)
    root = Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    context = ValidationContext(trust_roots=[root])
    [signature] = PdfFileReader(io.BytesIO(data)).embedded_signatures
    status = _validated(signature, context)
    assert status.bottom_line
    assert status.intact
    assert status.coverage.name == "ENTIRE_FILE"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    changed = bytearray(data)
    changed[len(data) // 3] ^= 1
    [broken] = PdfFileReader(io.BytesIO(bytes(changed)), strict=False).embedded_signatures
    assert not _validated(broken, context).bottom_line


def _validated(signature: Any, context: ValidationContext) -> Any:
    with ThreadPoolExecutor(1) as own_thread:  # the library wants an event loop of its own; the browser's runs here
        return own_thread.submit(validate_pdf_signature, signature, context).result()


def test_a_wrong_password_is_told_at_start(settings: Settings, key_pair: tuple[Path, x509.Certificate]) -> None:
    with pytest.raises(SettingsFault, match="ROUNDTRIP_SIGNING_FILE"):
        check_certificate(replace(settings, signing_file=key_pair[0], signing_password="wrong"))


def test_without_a_certificate_papers_are_not_signed(issued: IssuedDocument, settings: Settings) -> None:
    assert not issued.signed
    assert PdfFileReader(io.BytesIO(archive.read(settings.archive_dir, issued.sha256))).embedded_signatures == []
