"""Our events as EPCIS 2.0: in GS1's own words, readable by the reference reader, told once and never otherwise.

The words are those of GS1's JSON-LD context, which the reference implementation of the event hash (CBV 2.0, chapter 8)
brings along; the same program reads our documents. GS1's JSON schema is lenient (it takes any check digit), so what it
asks, and more, is asked here.
"""

import copy
import importlib.resources
import json
import re
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from biip.checksums import gs1_standard_check_digit
from conftest import NOW, on_both_databases
from epcis_event_hash_generator import hash_generator, json_to_py
from pyld import jsonld

from assets.epcis import document, recorded, rows_of
from assets.event_types import EVENT_TYPES
from assets.models import Asset, ScanEvent
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import correct_event, record_scan
from master_data.models import Place

BASE = "https://rt.example.com"
HOUR = timedelta(hours=1)
CHINA = timezone(timedelta(hours=8))
SSCC = "(00)340123450000000017"


def words(term):
    """The bare words that GS1's context knows for a property."""
    folder = importlib.resources.files("epcis_event_hash_generator")
    name = "e532647e8eb371379b8b0e8602d8981c8566bc60f7351f22c76a5bc865962008.jsonld"  # epcis/2.0.0/epcis-context.jsonld
    found = set()

    def walk(context):
        for key, value in context.items():
            if isinstance(value, dict):
                if key == term:
                    found.update(word for word in value.get("@context", {}) if not word.startswith("@"))
                walk(value)

    walk(json.loads((folder / name).read_text(encoding="utf-8")))
    return found


BIZ_STEPS, DISPOSITIONS = words("bizStep"), words("disposition")


@pytest.mark.parametrize(
    "kind", [kind for kind in EVENT_TYPES.values() if kind.code != "void"], ids=lambda kind: kind.code
)
def test_the_words_of_the_register_are_those_of_the_public_vocabulary(kind):
    assert len(BIZ_STEPS) >= 40
    assert len(DISPOSITIONS) >= 30
    assert kind.biz_step in BIZ_STEPS or kind.biz_step.startswith("/voc/bizstep/")
    assert kind.disposition == "" or kind.disposition in DISPOSITIONS
    assert kind.action in ("ADD", "OBSERVE", "DELETE")
    assert kind.epcis in ("ObjectEvent", "AggregationEvent")


# what every document must be


def checked(document):
    """Its events, after all was held against the standard."""
    assert set(document) == {"@context", "type", "schemaVersion", "creationDate", "epcisBody"}
    assert (document["type"], document["schemaVersion"]) == ("EPCISDocument", "2.0")
    assert document["@context"] == ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"]
    events = document["epcisBody"]["eventList"]
    for event in events:
        check(event)
    read_by_the_reference(document)
    return events


COMMON = {
    "type", "eventID", "eventTime", "eventTimeZoneOffset", "recordTime", "action", "bizStep", "disposition", "readPoint",
    "bizLocation", "bizTransactionList", "sourceList", "destinationList", "errorDeclaration",
}  # fmt: skip
WHAT = {
    "ObjectEvent": {"epcList", "quantityList"},
    "AggregationEvent": {"parentID", "childEPCs", "childQuantityList"},
}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)"


def check(event):
    what = WHAT[event["type"]]
    assert not set(event) - COMMON - what
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["eventID"])
    assert re.fullmatch(TIME, event["eventTime"])
    assert re.fullmatch(TIME, event["recordTime"])
    assert event["eventTime"].endswith(event["eventTimeZoneOffset"])
    assert re.fullmatch(r"[+-]((0\d|1[0-3]):[0-5]\d|14:00)", event["eventTimeZoneOffset"])
    assert event["action"] in ("ADD", "OBSERVE", "DELETE")
    assert event["bizStep"] in BIZ_STEPS or event["bizStep"].startswith(f"{BASE}/voc/bizstep/")
    assert "disposition" not in event or event["disposition"] in DISPOSITIONS
    epcs = [*event.get("epcList", []), *event.get("childEPCs", [])]
    pools = [*event.get("quantityList", []), *event.get("childQuantityList", [])]
    assert epcs or pools
    assert len(set(epcs)) == len(epcs)
    if event["type"] == "AggregationEvent":
        uri(event["parentID"])
    for one in epcs:
        uri(one)
    for pool in pools:
        assert set(pool) == {"epcClass", "quantity"}
        assert isinstance(pool["quantity"], int)
        uri(pool["epcClass"])
    for name in ("readPoint", "bizLocation"):
        if name in event:
            assert set(event[name]) == {"id"}
            uri(event[name]["id"])
    for one in event.get("bizTransactionList", []):
        assert one["type"] in words("bizTransactionList") or one["type"] in TRANSACTIONS
        uri(one["bizTransaction"])
    for name, key in (("sourceList", "source"), ("destinationList", "destination")):
        for one in event.get(name, []):
            assert set(one) == {"type", key}
            assert one["type"] in ("owning_party", "possessing_party", "location")
            uri(one[key])
    assert ("sourceList" in event) == ("destinationList" in event)
    declared = event.get("errorDeclaration")
    if declared:
        assert re.fullmatch(TIME, declared["declarationTime"])
        assert declared["reason"] in ("did_not_occur", "incorrect_data")
        assert ("correctiveEventIDs" in declared) == (declared["reason"] == "incorrect_data")


#: CBV 2.0, 7.3: business transaction types
TRANSACTIONS = {"bol", "cert", "desadv", "inv", "pedigree", "po", "poc", "prodorder", "recadv", "rma", "testprd", "testres", "upevt"}  # fmt: skip


def uri(text):
    """A URI, and when it is a key of GS1 one whose check digits are right."""
    assert re.fullmatch(r"https://[A-Za-z0-9._~%/+:-]+", text), text
    found = re.fullmatch(r"https://id\.gs1\.org/(8003|414|00)/([0-9]{13,18})(.*)", text)
    assert found or text.startswith(f"{BASE}/"), text
    if found:
        number, length = found[2] + found[3], {"8003": 14, "414": 13, "00": 18}[found[1]]
        payload = number[: length - 1].lstrip("0") if found[1] == "8003" else number[: length - 1]
        assert number[length - 1] == str(gs1_standard_check_digit(payload)), text
        assert found[1] != "8003" or number[0] == "0"
        assert found[1] == "8003" or len(number) == length


def read_by_the_reference(document):
    """No property that GS1's context does not know; and the event hash can be made of each event."""
    copied = copy.deepcopy(document)
    expanded = jsonld.expand(copied)
    [body] = expanded[0]["https://ref.gs1.org/epcis/epcisBody"]
    events = body["https://ref.gs1.org/epcis/eventList"]
    assert len(events) == len(document["epcisBody"]["eventList"])
    for told, read in zip(document["epcisBody"]["eventList"], events, strict=True):
        assert len(read) == len(told), (told, read)  # what the context does not know is dropped by the reader
        for name in ("bizStep", "disposition"):
            if name in told:
                [value] = read[f"https://ref.gs1.org/epcis/{name}"]
                assert value["@id"].startswith(("https://ref.gs1.org/cbv/", BASE)), value
    hashes = hash_generator.epcis_hashes_from_events(
        json_to_py.event_list_from_epcis_document_json(copy.deepcopy(document)), "sha256"
    )
    assert len(hashes) == len(document["epcisBody"]["eventList"])
    return hashes


# a small yard


@pytest.fixture
def boxes(world):
    Place.update(gln="4012345000115").where(Place.id == world.plant.id).execute()
    return register_assets(world.klt, [f"KLT-{n:04}" for n in range(5)], world.suzhou, world.plant, None, NOW)


class Clock:
    hour = 0


@pytest.fixture
def tell(boxes):
    """Report a scan, an hour after the one before, by a device in China; gives its event_id."""
    clock = Clock()

    def tell(type, code="KLT-0000", at=None, **fields):
        clock.hour += 1
        now = NOW + clock.hour * HOUR
        needed = {"shipment": "S-2026-0001"} if type in ("dispatch", "cancel_dispatch") else {}
        needed |= {"reason": "x"} if "reason" in EVENT_TYPES[type].needs else {}
        one = ScanInput(
            **{"event_id": str(uuid.uuid4()), "type": type, "scanned_text": code, "event_time": (at or now).astimezone(CHINA),
               "place": "SZ-PLANT", "confirmed": ("cancel_or_return",), **needed, **fields}
        )  # fmt: skip
        answer = record_scan(one, None, now, ("rt.example.com",))
        assert answer.outcome == "recorded", answer
        return one.event_id

    return tell


def life(code="KLT-0000"):
    return checked(_document(rows_of(Asset.get(code=code))))


def everything():
    return checked(_document(recorded(None, NOW + 10_000 * HOUR, 10_000)))


def _document(rows):
    return document(rows, BASE, NOW)


@on_both_databases
def test_a_trip_in_the_words_of_gs1(db, world, tell):
    for kind, more in (
        ("dispatch", {}), ("arrive", {"place": ""}), ("return_shipped", {"place": "", "document": "PAL 7/1"}),
        ("return", {}), ("clean", {}), ("inspect", {}),
    ):  # fmt: skip
        tell(kind, **more)
    events = life()
    assert [(one["action"], one["bizStep"], one.get("disposition")) for one in events] == [
        ("ADD", "commissioning", "active"), ("OBSERVE", "shipping", "in_transit"), ("OBSERVE", "arriving", None),
        ("OBSERVE", "shipping", "in_transit"), ("OBSERVE", "receiving", "returned"),
        ("OBSERVE", f"{BASE}/voc/bizstep/cleaning", None), ("OBSERVE", "inspecting", "available"),
    ]  # fmt: skip
    assert {tuple(one["epcList"]) for one in events} == {("https://id.gs1.org/8003/04012345000016KLT-0000",)}
    plant = {"id": "https://id.gs1.org/414/4012345000115"}
    out, arrived, back, home = events[1:5]
    assert out == {
        "type": "ObjectEvent", "eventID": out["eventID"], "eventTime": "2026-11-23T17:00:00.000+08:00",
        "eventTimeZoneOffset": "+08:00", "recordTime": "2026-11-23T09:00:00.000Z", "action": "OBSERVE",
        "bizStep": "shipping", "disposition": "in_transit", "epcList": ["https://id.gs1.org/8003/04012345000016KLT-0000"],
        "readPoint": plant,
        "bizTransactionList": [{"type": "desadv", "bizTransaction": f"{BASE}/s/S-2026-0001"}],
        "sourceList": [{"type": "possessing_party", "source": f"{BASE}/voc/party/SUZHOU"}],
        "destinationList": [{"type": "possessing_party", "destination": f"{BASE}/voc/party/HAMBURG"}],
    }  # fmt: skip
    assert not {"readPoint", "bizLocation", "sourceList"} & set(arrived)
    assert back["bizTransactionList"] == [{"type": "desadv", "bizTransaction": f"{BASE}/voc/document/PAL%207%2F1"}]
    for one in (back, home):
        assert one["sourceList"][0]["source"] == f"{BASE}/voc/party/HAMBURG"
        assert one["destinationList"][0]["destination"] == f"{BASE}/voc/party/SUZHOU"
    assert home["bizLocation"] == home["readPoint"] == plant


@on_both_databases
def test_shipping_is_not_said_beside_staging(db, world, tell):
    tell("dispatch")
    tell("empties_ready", place="")
    tell("return_shipped", place="")
    tell("return")
    tell("inspect")
    tell("dispatch", happened=True)
    tell("return_shipped", place="", happened=True)  # the staging was of the trip before
    steps = [one["bizStep"] for one in life()]
    assert steps == [
        "commissioning", "shipping", "staging_outbound", "departing", "receiving", "inspecting", "shipping", "shipping",
    ]  # fmt: skip


@on_both_databases
def test_what_is_undone_comes_again_with_an_error_declaration(db, world, tell):
    wrong = tell("dispatch")
    first = life()[-1]
    hash_of_first = read_by_the_reference(_document(rows_of(Asset.get(code="KLT-0000"))))[-1]
    tell("void", voids=wrong)
    again = life()[-1]
    assert again.pop("errorDeclaration") == {"declarationTime": "2026-11-23T10:00:00.000Z", "reason": "did_not_occur"}
    assert again == first  # the whole event, under the same eventID
    assert read_by_the_reference(_document(rows_of(Asset.get(code="KLT-0000"))))[-1] == hash_of_first
    right = tell("dispatch", corrects=wrong)
    events = life()
    assert [one["eventID"] for one in events[1:]] == [f"urn:uuid:{one}" for one in (wrong, wrong, right)]
    declared = events[2]["errorDeclaration"]
    assert (declared["reason"], declared["correctiveEventIDs"]) == ("incorrect_data", [f"urn:uuid:{right}"])
    assert everything()[-3:] == events[-3:]


@on_both_databases
def test_what_was_told_once_is_not_told_otherwise_after_a_late_scan(db, world, tell):
    tell("dispatch")
    tell("return", place="SZ-PLANT")
    told = life()
    tell("arrive", place="", party="NAGOYA", at=NOW + 1.5 * HOUR, happened=True)
    assert life()[:3] == told
    tell("owner_change", place="", party="NAGOYA")
    changed = life()[-1]
    assert changed["bizStep"] == "accepting"
    assert changed["sourceList"] == [{"type": "owning_party", "source": f"{BASE}/voc/party/SUZHOU"}]
    assert changed["destinationList"] == [{"type": "owning_party", "destination": f"{BASE}/voc/party/NAGOYA"}]


@on_both_databases
def test_a_load_is_one_event_and_its_boxes_follow_by_aggregation(db, world, tell):
    for code in ("KLT-0000", "KLT-0001"):
        tell("pack", code, parent=SSCC)
    tell("pack", "", asset_type="EPAL", quantity=1, parent=SSCC)
    load = tell("dispatch", SSCC)
    assert ScanEvent.select().where(ScanEvent.via == load).count() == 3
    tell("return", "KLT-0000")
    tell("unpack", "KLT-0001", happened=True)
    parent = "https://id.gs1.org/00/340123450000000017"
    events = everything()[5:]
    assert [one["type"] for one in events] == ["AggregationEvent"] * 3 + ["ObjectEvent"] * 2 + ["AggregationEvent"]
    assert {one["parentID"] for one in events if "parentID" in one} == {parent}
    assert events[0]["childEPCs"] == ["https://id.gs1.org/8003/04012345000016KLT-0000"]
    assert events[2]["childQuantityList"][0]["quantity"] == 1
    assert events[3]["epcList"] == [parent]
    assert (events[5]["action"], events[5]["bizStep"]) == ("DELETE", "unpacking")
    assert [one["bizStep"] for one in life()] == ["commissioning", "packing", "shipping", "receiving"]
    assert life()[2] == events[3]
    tell("void", "", voids=load)
    assert [one["eventID"] for one in life()][2:] == [events[3]["eventID"], events[4]["eventID"], events[3]["eventID"]]


@on_both_databases
def test_one_box_of_a_load_that_is_undone_is_told_apart_from_the_load(db, world, tell):
    for code in ("KLT-0000", "KLT-0001"):
        tell("pack", code, parent=SSCC)
    load = tell("dispatch", SSCC)
    of_load = everything()[-1]
    assert of_load["eventID"] == f"urn:uuid:{load}"
    own = ScanEvent.get(ScanEvent.via == load, ScanEvent.asset == Asset.get(code="KLT-0001"))
    tell("void", "", voids=own.event_id)
    undone = everything()[-1]
    assert (undone["eventID"], undone["epcList"]) == (
        f"urn:uuid:{own.event_id}", ["https://id.gs1.org/8003/04012345000016KLT-0001"],
    )  # fmt: skip
    assert undone["errorDeclaration"]["reason"] == "did_not_occur"
    assert (undone["bizStep"], undone["readPoint"]) == (of_load["bizStep"], of_load["readPoint"])
    assert [one["eventID"] for one in life("KLT-0001")][2:] == [of_load["eventID"], undone["eventID"]]
    assert [one["eventID"] for one in life("KLT-0000")][2:] == [of_load["eventID"]]


@on_both_databases
def test_a_correction_from_the_desk_names_the_event_that_stands_in_its_place(db, world, tell):
    wrong = tell("dispatch")
    now = NOW + 3 * HOUR
    right = ScanInput(str(uuid.uuid4()), "transfer_out", "KLT-0000", now, place="SZ-PLANT", destination="SZ-PLANT")
    assert correct_event(wrong, right, "no dispatch", None, now).outcome == "recorded"
    declared = life()[-2]["errorDeclaration"]
    assert (declared["reason"], declared["correctiveEventIDs"]) == ("incorrect_data", [f"urn:uuid:{right.event_id}"])


@on_both_databases
def test_a_counted_pool_is_told_by_its_class(db, world, tell):
    tell("commission", "", asset_type="EPAL", quantity=40)
    tell("dispatch", "", asset_type="EPAL", quantity=12)
    tell("return", "", asset_type="EPAL", quantity=5, party="HAMBURG")
    tell("stock_take", "", asset_type="EPAL", quantity=33)
    made, out, home, counted = everything()[5:]
    assert [one["quantityList"][0]["quantity"] for one in (made, out, home, counted)] == [40, 12, 5, 33]
    assert out["quantityList"][0]["epcClass"] == f"{BASE}/voc/boxtype/EPAL"
    assert "bizLocation" in made
    assert "bizLocation" not in out
    assert home["sourceList"] == [{"type": "possessing_party", "source": f"{BASE}/voc/party/HAMBURG"}]
    assert counted["bizStep"] == "cycle_counting"


@on_both_databases
def test_the_stream_is_asked_page_by_page_and_misses_nothing(db, client, world, tell):
    for code in ("KLT-0000", "KLT-0001", "KLT-0002"):
        tell("dispatch", code)
    url, found = f"/api/v1/epcis?from=2026-11-23&to={(NOW + 90 * HOUR).strftime('%Y-%m-%d')}&perPage=3", []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200
        assert answer.mimetype == "application/ld+json"
        found += checked(json.loads(answer.data))
        next_page = re.fullmatch(r'<https://rt\.example\.com(.*)>; rel="next"', answer.headers.get("Link", ""))
        url = next_page[1] if next_page else ""
    assert found == everything()
    assert len(found) == 8
    later = (NOW + 2 * HOUR).isoformat()
    answer = client.get("/api/v1/epcis", query_string={"from": later, "to": (NOW + 3 * HOUR).isoformat()})
    assert [one["epcList"][0][-4:] for one in json.loads(answer.data)["epcisBody"]["eventList"]] == ["0001"]
    answer = client.get("/assets/klt-0001/epcis.json")
    assert json.loads(answer.data)["epcisBody"]["eventList"] == life("KLT-0001")
    assert client.get("/assets/NOBODY/epcis.json").status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "yesterday"), ("to", "2026-11-20T16:05:12"), ("perPage", "501"), ("perPage", "-1"), ("from", "0001-01-01T00:00:00+14:00"),
        ("nextPageToken", "x"), ("nextPageToken", "2026-11-20_99999999999999999999"), ("EQ_bizStep", "shipping"), ("to", "２０２６-11-20"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused_at_its_parameter(client, name, value):
    answer = client.get("/api/v1/epcis", query_string={name: value})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["field"] == name


def test_a_clock_that_is_ahead_and_an_odd_zone_still_make_a_valid_event(db, boxes):
    ahead = datetime(2026, 12, 24, 20, 0, tzinfo=timezone(timedelta(hours=14)))
    one = ScanInput(str(uuid.uuid4()), "damage", "KLT-0003", ahead, reason="x")
    assert record_scan(one, None, NOW + HOUR).outcome == "recorded"
    event = life("KLT-0003")[-1]
    assert (event["eventTime"], event["eventTimeZoneOffset"]) == ("2026-11-23T23:00:00.000+14:00", "+14:00")
    zone = timezone(timedelta(hours=-23, minutes=-30))
    one = ScanInput(
        str(uuid.uuid4()), "inspect", "KLT-0003", (NOW + 2 * HOUR).astimezone(zone), confirmed=("repaired_how",)
    )
    assert record_scan(one, None, NOW + 2 * HOUR).outcome == "recorded"
    assert life("KLT-0003")[-1]["eventTimeZoneOffset"] == "+00:00"


def test_the_number_of_queries_does_not_grow_with_the_page(db, world, tell):
    for code in ("KLT-0000", "KLT-0001", "KLT-0002"):
        tell("dispatch", code)

    def queries(limit):
        count, execute = [0], db.execute_sql

        def counted(*args, **kwargs):
            count[0] += 1
            return execute(*args, **kwargs)

        db.execute_sql = counted
        try:
            document(recorded(None, NOW + 90 * HOUR, limit), BASE, NOW)
        finally:
            db.execute_sql = execute
        return count[0]

    assert queries(6) == queries(8) <= 12
