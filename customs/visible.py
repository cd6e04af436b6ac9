"""Who sees which declaration: by its shipment, else by its boxes; by site by the place of dispatch and the boxes."""

from __future__ import annotations

from typing import Any

from accounts.scope import Scope, both
from assets.visible import box_passes, of_entities, of_sites
from customs.models import CustomsDeclaration, DeclaredBox
from shipments.models import Shipment
from shipments.visible import shipments_of


def visible_declarations(scope: Scope, declaration: Any = CustomsDeclaration) -> Any:
    """Condition on CustomsDeclaration; None: all of them."""
    entity = site = None
    if scope.entities is not None:
        with_boxes = declaration.shipment.is_null() & _names(declaration, of_entities, scope)
        entity = declaration.shipment.in_(shipments_of(scope.entities)) | with_boxes
    if scope.sites is not None:
        sent = Shipment.alias()
        left = declaration.shipment.in_(sent.select(sent.id).where(sent.ship_from.in_(scope.sites)))
        site = left | _names(declaration, of_sites, scope)
    return both(entity, site)


def visible_declared(scope: Scope) -> Any:
    """Condition on DeclaredBox: of a declaration that is seen; None: all of them."""
    declaration = CustomsDeclaration.alias()
    condition = visible_declarations(scope, declaration)
    if condition is None:
        return None
    return DeclaredBox.declaration.in_(declaration.select(declaration.id).where(condition))


def _names(declaration: Any, rule: Any, scope: Scope) -> Any:
    """Condition: the declaration, out or back, names a box for which the rule holds."""
    out, back = DeclaredBox.alias(), DeclaredBox.alias()
    left = out.select(out.declaration).where(box_passes(out.asset, rule, scope))
    came = back.select(back.back).where(box_passes(back.asset, rule, scope), back.back.is_null(False))
    return declaration.id.in_(left) | declaration.id.in_(came)
