"""What a browser sends for the shipment of samples.py."""

from __future__ import annotations

GOOD = {
    "consignor": "SUZHOU", "consignee": "HAMBURG", "ship_from": "SZ-PLANT", "incoterm": "CIF", "named_place": "Hamburg",
    "transport_mode": "1", "currency": "EUR", "freight": "820", "insurance": "46.50", "other_charges": "",
    "invoice_date": "2026-11-20", "departure_date": "2026-11-28", "port_of_loading": "CNSHA",
    "port_of_discharge": "DEHAM", "freight_container_no": "CSQU3054383", "customs_regime": "0110", "duty_nature": "101",
    "duty_mode": "1", "version": "0",
    "lines-0-product": "10-4711", "lines-0-quantity": "24", "lines-0-unit_price": "182.50",
    "lines-1-product": "10-5200", "lines-1-quantity": "200", "lines-1-unit_price": "6.125",
    "packages-0-asset_type": "KLT6428", "packages-0-package_code": "4H", "packages-0-count": "12",
    "packages-0-product": "10-4711", "packages-0-pieces": "2", "packages-0-net_mass": "14.5",
    "packages-0-gross_mass": "17.45", "packages-0-length_mm": "594", "packages-0-width_mm": "396",
    "packages-0-height_mm": "280", "packages-0-marks": "1-12",
}  # fmt: skip
