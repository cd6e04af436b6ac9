from conftest import on_both_databases


@on_both_databases
def test_samples_are_stored_and_read_back_exactly(db, world):
    from master_data.models import Product

    assert str(Product.get(part_no="10-4711").net_mass) == "7.250"
    assert world.shipment.consignor.name_zh


def test_login_page_is_public(anonymous):
    assert anonymous.get("/login").status_code == 200


def test_signed_in(client, anonymous):
    assert client.get("/").status_code == 200
    assert anonymous.get("/").status_code == 302
