from conftest import NOW
from samples import shipment

from shipments.models import Shipment


def numbers(page):
    return [part.split('"')[0] for part in page.text.split('href="/shipments/S-')[1:]]


def test_the_list_shows_where_each_goes(client, world):
    page = client.get("/shipments")
    assert numbers(page) == ["2026-0001"]
    for text in ("Hamburg Automotive GmbH", "Shanghai → Hamburg", "CIF Hamburg", "2026-11-28", ">13<", "open"):
        assert text in page.text


def test_filters_search_and_order(client, world):
    shipment(NOW, world, number="S-2026-0002", consignee=world.nagoya, transport_mode="4", incoterm="CIP", state="closed",
             order_no="PO-77")  # fmt: skip
    assert numbers(client.get("/shipments")) == ["2026-0002", "2026-0001"]
    assert numbers(client.get("/shipments?sort=number")) == ["2026-0001", "2026-0002"]
    assert numbers(client.get("/shipments?state=closed")) == ["2026-0002"]
    assert numbers(client.get("/shipments?mode=1")) == ["2026-0001"]
    assert numbers(client.get("/shipments?q=nagoya")) == ["2026-0002"]
    assert numbers(client.get("/shipments?q=po-77")) == ["2026-0002"]
    assert numbers(client.get("/shipments?state=nonsense")) == ["2026-0002", "2026-0001"]


def test_the_number_of_queries_does_not_grow_with_the_rows(client, world, db, monkeypatch):
    def count():
        seen = []
        execute = type(db).execute_sql
        with monkeypatch.context() as patch:
            patch.setattr(type(db), "execute_sql", lambda self, *a, **k: (seen.append(a[0]), execute(self, *a, **k))[1])
            assert client.get("/shipments").status_code == 200
        return len(seen)

    few = count()
    for n in range(2, 40):
        shipment(NOW, world, number=f"S-2026-{n:04d}")
    assert Shipment.select().count() == 39
    assert count() == few


def test_an_empty_list_offers_the_first_shipment(client):
    page = client.get("/shipments")
    assert "No shipment yet" in page.text
    assert 'href="/shipments/new"' in page.text


def test_export(client, world):
    text = client.get("/shipments?format=csv").data.decode("utf-8-sig")
    assert '"S-2026-0001"' in text
    assert "13" in text
