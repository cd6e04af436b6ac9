"""What the values of an audit line are called: as the form says in which people type them, in their language."""

from __future__ import annotations

from typing import Any

from wtforms import Form

from accounts.models import User
from alerts.forms import RecipientForm, WebhookForm
from alerts.models import DigestRecipient, Webhook
from assets.agreement_views import AgreementForm
from assets.forms import MinimumForm, RegisterForm
from assets.models import Agreement, Asset, PoolMinimum
from customs.forms import BackForm, ClockForm, ExtensionForm, OutForm
from customs.models import ClockRule, CustomsDeclaration, CustomsExtension
from docs_gen.look_views import LookForm, SealForm, WordingForm
from docs_gen.models import ProfileRule, Seal, SellerLook, Wording
from docs_gen.profile_views import RuleForm
from errors import N_
from i18n import translated
from master_data.forms import AssetTypeForm, PartyForm, PlaceForm, ProductForm
from master_data.models import AssetType, Party, Place, Product
from people.forms import PersonForm
from shipments.credit_forms import CreditForm, DocumentForm
from shipments.forms import LineForm, PackageForm, ShipmentForm
from shipments.models import CreditDocument, LetterOfCredit, Package, Shipment, ShipmentLine

#: In which forms the values of a table are typed.
_FORMS: dict[Any, tuple[type[Form], ...]] = {
    User: (PersonForm,), Party: (PartyForm,), Place: (PlaceForm,), Product: (ProductForm,),
    AssetType: (AssetTypeForm,), Shipment: (ShipmentForm,), ShipmentLine: (LineForm,), Package: (PackageForm,),
    LetterOfCredit: (CreditForm,), CreditDocument: (DocumentForm,), Agreement: (AgreementForm,),
    PoolMinimum: (MinimumForm,), CustomsDeclaration: (OutForm, BackForm), CustomsExtension: (ExtensionForm,),
    ClockRule: (ClockForm,), ProfileRule: (RuleForm,), Seal: (SealForm,), SellerLook: (LookForm,),
    Asset: (RegisterForm,), Wording: (WordingForm,), DigestRecipient: (RecipientForm,), Webhook: (WebhookForm,),
}  # fmt: skip
_OF_TABLE = {model._meta.table_name: forms for model, forms in _FORMS.items()}

#: Columns of people that stand in no form, or in one of the login library.
_OF_PEOPLE = {
    "language": N_("Language"), "password": N_("Password"),
    "tf_primary_method": N_("Second factor"), "tf_totp_secret": N_("Key of the second factor"),
    "mf_recovery_codes": N_("Recovery codes"), "oidc_subject": N_("Account at the firm's sign-in"),
}  # fmt: skip
#: Columns that many tables have and no form asks for.
_EVERYWHERE = {
    "code": N_("Code"), "number": N_("Number"), "state": N_("State"), "archived": N_("archived"), "grai": N_("GRAI"),
    "created_time": N_("created"),
}  # fmt: skip


def column_title(kind: str, column: str) -> str:
    """What a value of this table is called; the name of its column where no form has a word for it."""
    if kind == User._meta.table_name and column in _OF_PEOPLE:
        return translated(_OF_PEOPLE[column])
    for form in _OF_TABLE.get(kind, ()):
        unbound: Any = getattr(form, column, None)  # the field before there is a form: its label comes first
        label = next(iter(getattr(unbound, "args", ())), None) or getattr(unbound, "kwargs", {}).get("label")
        if label:
            return str(label)
    return translated(_EVERYWHERE[column]) if column in _EVERYWHERE else column
