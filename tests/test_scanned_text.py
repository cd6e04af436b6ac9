"""Every spelling of a code that scanners, input methods and partners' labels bring."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.scanned_text import KINDS, MAX_LENGTH, company_prefix, read_scanned_text

HOSTS = ["rt.example.com", "127.0.0.1:8000"]
GRAI = "04012345000016KLT000123"


def read(text):
    return read_scanned_text(text, HOSTS)


@pytest.mark.parametrize(
    "text",
    [
        f"https://rt.example.com/8003/{GRAI}",
        f"HTTPS://RT.EXAMPLE.COM/8003/{GRAI}",
        f"Http://Rt.Example.Com/8003/{GRAI}?utm=1#here",
        f"https://id.gs1.org/8003/{GRAI}",
        f"https://other.example/path/8003/{GRAI}/",
        f"https://rt.example.com/8003/{GRAI.replace('KLT', '%4BLT')}",
        f"https://rt.example.com/8003/{GRAI.lower()}",
        f"(8003){GRAI}",
        "(8003) 04012345 000016 KLT000123",
        f"(8003){GRAI}(10)LOT7",
        f"8003{GRAI}",
        f"]Q38003{GRAI}",
        f"]d28003{GRAI}\x1d10LOT7",
        f"8003{GRAI}<GS>10LOT7",
        f"10LOT7{{GS}}8003{GRAI}",
        f"10LOT7\\u001d8003{GRAI}",
        f"10LOT7^]8003{GRAI}",
        f"10LOT7␝8003{GRAI}",
        "urn:epc:id:grai:4012345.00001.KLT000123",
        "URN:EPC:ID:GRAI:4012345.00001.klt000123",
        "urn:epc:tag:grai-170:0.4012345.00001.KLT000123",
        f"[)>\x1e05\x1d8003{GRAI}\x1e\x04",
        f"[)><RS>05<GS>8003{GRAI}<RS><EOT>",
        f"\ufeff 8003{GRAI}\r\n",
        f"\x028003{GRAI}\x03",
        f"８００３{GRAI}",
        f"（8003）{GRAI}",
        f"https：／／rt.example.com／8003／{GRAI}\u3000",
        f"80\u200b03{GRAI}\t",
    ],
)
def test_spellings_of_a_grai(text):
    found = read(text)
    assert (found.kind, found.canonical, found.reason, found.warnings) == ("grai", GRAI, "", ())


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("urn:epc:id:grai:4012345.00022.334455", "04012345000221334455"),
        ("urn:epc:idpat:grai:4012345.99999.*", "04012345999990"),
        ("(8003)07300015200154000000000356", "07300015200154000000000356"),
        ("https://id.gs1.org/8003/04298765000007X-1", "04298765000007X-1"),
    ],
)
def test_published_vectors_and_foreign_prefixes(text, canonical):
    found = read(text)
    assert (found.kind, found.canonical) == ("grai", canonical)


def test_a_grai_of_13_digits_is_taken_with_a_warning():
    for text in (f"8003{GRAI[1:]}", f"https://id.gs1.org/8003/{GRAI[1:]}"):
        found = read(text)
        assert (found.kind, found.canonical, found.warnings) == ("grai", GRAI, ("grai_without_zero",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8003112345678901281234", "check_digit"),
        ("800302112345678901ABC", "check_digit"),
        ("https://rt.example.com/8003/04012345000017KLT000123", "check_digit"),
        ("8003" + GRAI + "10ABCDEFGHIJ", "no_separator"),
        ("(00)340123450000000018", "check_digit"),
        ("x" * 513, "too_long"),
        ("ﷺ" * 100, "too_long"),
        ("https://evil.example/a/KLT000123L", "foreign_link"),
        ("https://rt.example.com/balances", "foreign_link"),
        ("[)>\x1e06\x1d25BUN123456789KLT6428+0001\x1e\x04", "foreign_label"),
        ("[)>\x1e06\x1dP4711\x1dQ24\x1e\x04", "goods_label"),
        ("(01)04012345000016(21)4711", "goods_label"),
        ("https://id.gs1.org/01/04012345000016/21/7", "goods_label"),
        ("httpsÖ--rt.example.com-8003-" + GRAI, "keyboard_layout"),
        ("https>&&rt.example.com&8003&" + GRAI, "keyboard_layout"),
        ("KLTß000123L", "keyboard_layout"),
        ("KLTàààé\"'L", "keyboard_layout"),
        ("KLT&é\"'(L", "keyboard_layout"),
        (")8003=" + GRAI, "keyboard_layout"),
        ("javascript:alert(1)", "unreadable"),
        ("JavaScript:fetch('//x')", "unreadable"),
        ("data:text/html,<b>", "unreadable"),
        ("WIFI:S:yard;T:WPA;P:secret;;", "unreadable"),
        ("BEGIN:VCARD\nFN:Li\nEND:VCARD", "unreadable"),
        ("<script>alert(1)</script>", "unreadable"),
        ("<img src=x onerror=alert(1)>", "unreadable"),
        ("KLT000\x07123L", "unreadable"),
        ("KLT", "unreadable"),
        ("", "unreadable"),
        ("https://rt.example.com/a/%00%01abc", "unreadable"),
        ("https://[broken", "unreadable"),
        ("🙂🙂🙂🙂🙂", "unreadable"),
    ],
)
def test_B5_what_is_no_box_says_why(text, reason):
    found = read(text)
    assert (found.kind, found.canonical, found.reason) == ("unreadable", "", reason)


@pytest.mark.parametrize(
    "text",
    [
        "KLT-000123-7", "klt-000123-7", " klt\u2013000123\u20147\n", "KLT\u2212000123\u20117", "ＫＬＴ－０００１２３－７",
        "HTTPS://RT.EXAMPLE.COM/A/KLT-000123-7", "https://rt.example.com/a/klt-000123-7/", "]Q1KLT-000123-7",
        "http://127.0.0.1:8000/a/KLT-000123-7", "[)>\x1e06\x1d1BKLT-000123-7\x1e\x04", "\x02KLT-000123-7\x03",
    ],
)  # fmt: skip
def test_spellings_of_an_own_code(text):
    found = read(text)
    assert (found.kind, found.canonical, found.reason) == ("code", "KLT-000123-7", "")


@pytest.mark.parametrize(
    "text",
    [
        "https://rt.example.com/s/S-2026-0001",
        "HTTPS://RT.EXAMPLE.COM/S/S-2026-0001",
        "http://127.0.0.1:8000/s/s-2026-0001",
    ],
)
def test_the_link_of_a_packing_list_is_a_shipment(text):
    found = read(text)
    assert (found.kind, found.canonical) == ("shipment", "S-2026-0001")


@pytest.mark.parametrize(
    ("text", "kind", "canonical", "reason"),
    [
        ("CSQU3054383", "freight_container", "CSQU3054383", "freight_container"),
        ("csqu 305438 3", "freight_container", "CSQU3054383", "freight_container"),
        ("CSQU3054384", "code", "CSQU3054384", ""),
        ("(00)340123450000000017", "sscc", "340123450000000017", "goods_label"),
        ("00340123450000000017", "sscc", "340123450000000017", "goods_label"),
        ("]C100340123450000000017", "sscc", "340123450000000017", "goods_label"),
        ("https://id.gs1.org/00/340123450000000017", "sscc", "340123450000000017", "goods_label"),
        ("urn:epc:id:sscc:4012345.3000000001", "sscc", "340123450000000017", "goods_label"),
        ("1JUN123456789A2B4C6D8E", "licence_plate", "1JUN123456789A2B4C6D8E", "goods_label"),
        ("[)>\x1e06\x1d6JUN123456789A2B4C\x1dQ24\x1e\x04", "licence_plate", "6JUN123456789A2B4C", "goods_label"),
    ],
)
def test_other_codes_are_known_by_their_kind(text, kind, canonical, reason):
    found = read(text)
    assert (found.kind, found.canonical, found.reason) == (kind, canonical, reason)


@pytest.mark.parametrize(
    ("text", "kind", "canonical"),
    [
        ("KLT-000123-7KLT-000123-7", "code", "KLT-000123-7"),
        ("KLT-000123-7\nKLT-000123-7", "code", "KLT-000123-7"),
        (f"8003{GRAI}8003{GRAI}", "grai", GRAI),
        (f"https://rt.example.com/8003/{GRAI}" * 2, "grai", GRAI),
    ],
)
def test_doubled_text_is_taken_once_with_a_warning(text, kind, canonical):
    found = read(text)
    assert (found.kind, found.canonical, found.warnings) == (kind, canonical, ("doubled",))


def test_B5_raw_text_is_kept_but_what_no_database_takes():
    assert read("  klt-000123-7\r\n").raw == "  klt-000123-7\r\n"
    assert read("a\0b\ud800").raw == "a␀b?"
    assert len(read("x" * 9999).raw) == MAX_LENGTH


def test_the_company_prefix_of_a_foreign_grai_is_told():
    assert company_prefix(GRAI) == "4012345"
    assert company_prefix("09999999999994") == ""


_PIECES = st.sampled_from(
    ["https://", "HTTPS://", "rt.example.com", "/8003/", "/a/", "/s/", "8003", "(8003)", "(00)", GRAI, "0401234", "\x1d", "<GS>",
     "[)>", "\x1e06\x1d", "1B", "25B", "1JUN", "urn:epc:id:grai:", ".", "%", "%ff", "[", "]Q3", "KLT-000123-7", "\r\n", "：", "\ud800"]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.text(max_size=700), st.lists(st.one_of(_PIECES, st.text(max_size=12)), max_size=14).map("".join)))
@example("https://[::1/8003/")
@example("urn:epc:id:sscc:.")
@example("²" * 14)
def test_B5_any_text_gives_an_answer_that_fits_its_column(text):
    found = read(text)
    assert found.kind in KINDS
    assert len(found.raw) <= MAX_LENGTH
    assert len(found.canonical) <= MAX_LENGTH
    assert (found.kind == "unreadable") == (found.canonical == "")
    found.raw.encode()
    if found.kind == "grai":
        assert len(found.canonical) <= 30
