"""Where a box is to be returned to: what its label prints and what a finder reads."""

from __future__ import annotations

from assets.models import Asset
from master_data.models import Place


def return_place(asset: Asset) -> Place | None:
    """The asset's own return place, else the place of its owner that is marked as such."""
    return asset.return_place or (
        Place.select()
        .where(Place.party == asset.owner_id, Place.return_address, ~Place.archived)
        .order_by(Place.code)
        .first()
    )
