"""An electronic signature (PAdES, ETSI EN 319 142-1, level B-B) on issued papers, when a certificate is configured."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from config import Settings, SettingsFault
from errors import N_

_NOT_READ = N_("ROUNDTRIP_SIGNING_FILE=%(path)s cannot be read as PKCS#12 with this password")


def sign(pdf: bytes, settings: Settings) -> bytes:
    """The PDF with a signature over all of it; unchanged when no certificate is configured."""
    if not settings.signing_file:
        return pdf
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter

    metadata = signers.PdfSignatureMetadata(
        field_name="Issuer", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256"
    )
    signer = _signer(settings.signing_file, settings.signing_password)
    with ThreadPoolExecutor(1) as own_thread:  # the library runs an event loop; the caller's thread may have one
        signed = own_thread.submit(
            signers.sign_pdf, IncrementalPdfFileWriter(io.BytesIO(pdf)), metadata, signer
        ).result()
    return signed.getvalue()  # type: ignore[no-any-return]


def check_certificate(settings: Settings) -> None:
    """To be called at start: a wrong file or password is told then. Raises SettingsFault."""
    if settings.signing_file:
        _signer(settings.signing_file, settings.signing_password)


@cache
def _signer(path: Path, password: str) -> Any:
    from pyhanko.sign import signers

    signer = signers.SimpleSigner.load_pkcs12(str(path), passphrase=password.encode() or None)
    if signer is None:
        raise SettingsFault(_NOT_READ % {"path": path})
    return signer
