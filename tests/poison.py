"""Text that wants to be more than text, in every column that people, devices, partners or foreign servers fill in freely.

The columns come from the models: a new one is poisoned, too, unless `LISTED` says why nothing of the kind gets into it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from peewee import CharField, IntegrityError, TextField

from database import Row
from shipments.details import Details

#: Each calls `hit`, which no page of ours has, or asks for an address that is not ours.
XSS = [
    "<script>hit()</script>", "<img src=x onerror=hit()>", "\"><script>hit()</script>", "'><svg onload=hit()>",
    "</title><script>hit()</script>", "</textarea><img src=x onerror=hit()>", "</script><script>hit()</script>",
    "javascript:hit()", "\" onmouseover=hit() x=\"", "' autofocus onfocus=hit() x='", "<iframe srcdoc='<script>parent.hit()</script>'>",
    "<a href=javascript:hit()>x</a>", "<details open ontoggle=hit()>", "<body onload=hit()>", "<video><source onerror=hit()>",
    "<style>@import 'http://198.51.100.7/x.css'</style>", "<link rel=stylesheet href=//198.51.100.7/x>", "<base href=//198.51.100.7/>",
    "<form action=//198.51.100.7><button autofocus>x", "<meta http-equiv=refresh content='0;url=//198.51.100.7'>",
    "{{constructor.constructor('hit()')()}}", "${hit()}", "<math><mtext></mtext><script>hit()</script></math>", "<object data=javascript:hit()>",
    "<embed src=javascript:hit()>", "&lt;script&gt;hit()&lt;/script&gt;", "\\x3cscript\\x3ehit()\\x3c/script\\x3e", "<svg><animate onbegin=hit() attributeName=x>",
    "<img src='x' srcset='//198.51.100.7/x 2x'>", "-->--!><script>hit()</script>",
]  # fmt: skip

#: Columns of text that take nothing of the kind: what they may hold is a list or a pattern, or we write it ourselves.
#: (test_B5 and the tests of forms show that.)
LISTED: dict[str, set[str]] = {
    "role": {"name", "description"},
    "user": {
        "email", "username", "password", "fs_uniquifier", "language", "tf_primary_method", "tf_totp_secret", "oidc_subject",
    },
    "user_session": {"token_sha256", "address"},
    "api_token": {"scope", "rights", "sha256"},
    "party": {"code", "country", "gs1_company_prefix"},
    "place": {"code", "country", "timezone", "gln"},
    "product": {
        "part_no", "hs_code", "unit", "origin", "legal_unit_1", "legal_unit_2", "un_no", "hazard_class", "subsidiary_hazards", "packing_group",
    },
    "asset_type": {"code", "package_code", "cn_package_code", "gs1_company_prefix", "gs1_asset_type", "value_currency", "hs_code", "origin"},
    "letter_of_credit": {"code", "currency"},
    "credit_document": {"type"},
    "shipment": {
        "number", "incoterm", "transport_mode", "port_of_loading", "port_of_discharge", "currency", "customs_regime", "duty_nature", "duty_mode", "customs_office", "exit_port",
        "destination_port", "trading_country", "destination_country", "details", "state",
    },
    "package": {"package_code"},
    "issued_document": {"type", "part", "number", "state", "facts", "accepted", "verify_code", "engine", "template", "sha256"},
    "profile_rule": {"destination", "mode", "incoterm", "credit", "dangerous", "returnables", "type", "need"},
    "seal": {"kind", "types", "sha256"},
    "wording": {"slot", "type", "destination", "language"},
    "asset": {"code", "grai", "life", "where", "condition", "parent"},
    "device": {"gaps"},
    "scan_session": {"uuid", "kind", "state", "signature", "seen", "expected", "result"},
    "scan_event": {
        "event_id", "type", "parent", "via", "corrects", "photo", "session", "refused", "exception", "warnings", "voids", "body_sha256",
    },
    "exception_case": {"source", "code", "values", "state"},
    "agreement": {"currency"},
    "digest_recipient": {"address", "language", "timezone"},
    "delivery": {"channel", "key", "state", "body", "target"},
    "webhook": {"url", "secret"},
    "customs_declaration": {"direction", "country", "destination"},
    "declared_box": {"closing", "log"},
    "clock_rule": {"country", "destination"},
    "job": {"kind", "args", "key", "state", "error", "result", "file_sha256"},
    "statement": {"language", "state"},
    "statement_answer": {"line", "verdict", "address"},
}  # fmt: skip

#: Tables that are ours altogether.
OURS = {
    "person_link", "attempt_count", "audit_entry", "installation_note", "number_series", "seller_look", "template_pack", "paper_set", "logistic_unit",
    "scan_batch", "form_answer", "stock_level", "trip", "alert_setting", "known_alert", "statement_link",
}  # fmt: skip


def columns() -> Iterator[tuple[Any, Any]]:
    """Model and column of every free text."""
    for model in Row.__subclasses__():
        name = model._meta.table_name
        if name in OURS:
            continue
        for column in model._meta.sorted_fields:
            if type(column) in (CharField, TextField) and column.name not in LISTED.get(name, ()):
                yield model, column


def poison(text: Callable[[int], str]) -> int:
    """Put `text(n)` into the n-th of those columns, and into the free texts of what single papers ask for and of the
    papers that are issued; gives how many there are."""
    number = 0
    for model, column in columns():
        try:
            model.update({column: text(number)}).execute()
        except IntegrityError:  # no two rows may say the same: a comment of JavaScript tells them apart
            for row in model.select(model.id):
                model.update({column: f"{text(number)}//{row.id}"}).where(model.id == row.id).execute()
        number += 1
    free = [one.name for one in fields(Details) if one.type == "str" and not one.metadata.get("choices")]
    for table, column, keys in (("shipment", "details", free), ("issued_document", "facts", None)):
        (model,) = (one for one in Row.__subclasses__() if one._meta.table_name == table)
        for row in model.select(model.id, getattr(model, column)):
            told = json.loads(getattr(row, column))
            if keys is None:
                told = _free_texts(told, iter(map(text, range(number, number + 100_000))))
            else:
                told |= {key: text(number + place) for place, key in enumerate(keys)}
            model.update({column: json.dumps(told)}).where(model.id == row.id).execute()
        number += len(keys or [])
    return number


def _free_texts(value: Any, texts: Iterator[str]) -> Any:
    """What JSON says, with the next text in the place of each that has a blank in it: names, addresses, sentences."""
    if isinstance(value, dict):
        return {key: _free_texts(one, texts) for key, one in value.items()}
    if isinstance(value, list):
        return [_free_texts(one, texts) for one in value]
    return next(texts) if isinstance(value, str) and " " in value else value
