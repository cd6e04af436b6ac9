"""What rarely changes: parties, places, products, types of returnable assets."""

from peewee import BooleanField, CharField, Check, ForeignKeyField, IntegerField, TextField

from database import Exact, Instant, Row


class Party(Row):
    """A company: ourselves, a customer, a carrier, an owner of boxes."""

    code = CharField(24, unique=True)  # short name that people say: SZ-STEER, HAMBURG-AUTO
    own = BooleanField(default=False)  # one of our own selling entities: may be consignor, owns boxes
    name_en = CharField(255)
    name_zh = CharField(255, default="")
    address_en = TextField(default="")  # lines as they are printed, without the country
    address_zh = TextField(default="")
    country = CharField(2)  # ISO 3166-1 alpha-2
    contact = CharField(128, default="")
    phone = CharField(64, default="")
    email = CharField(255, default="")
    uscc = CharField(18, default="")  # 统一社会信用代码, GB 32100-2015
    customs_no = CharField(10, default="")  # 海关注册编码; letters occur
    vat_no = CharField(20, default="")
    eori = CharField(17, default="")
    tax_no = CharField(32, default="")  # what the country calls it: RFC, CUIT, RUT, GSTIN, IEC, EIN …
    aeo_no = CharField(20, default="")  # of an AEO that China recognises; the declaration prints it
    gs1_company_prefix = CharField(12, default="")  # our own companies: SSCC of packages begin with it
    bank_name = CharField(255, default="")
    bank_account = CharField(64, default="")
    bank_bic = CharField(11, default="")
    archived = BooleanField(default=False)
    changed_time = Instant()

    class Meta:
        named = ("code",)


class Place(Row):
    """Where goods and boxes are: a plant, a gate, a warehouse of a customer."""

    code = CharField(24, unique=True)
    party = ForeignKeyField(Party, backref="places", on_delete="RESTRICT")  # whose place it is
    name_en = CharField(255)
    name_zh = CharField(255, default="")
    address_en = TextField(default="")
    address_zh = TextField(default="")
    country = CharField(2)
    timezone = CharField(64, default="UTC")  # IANA name; days and times of this place are shown in it
    gln = CharField(13, default="")  # GS1 Global Location Number
    phone = CharField(64, default="")
    return_address = BooleanField(default=False)  # printed on labels as 'return to'
    archived = BooleanField(default=False)
    changed_time = Instant()

    class Meta:
        named = ("code",)


class Product(Row):
    part_no = CharField(64, unique=True)
    customer_part_no = CharField(64, default="")
    description_en = CharField(255)
    description_zh = CharField(255)
    hs_code = CharField(10)  # 10 digits, as China declares; others print the first 6
    declaration_elements = CharField(255, default="")  # 申报要素, bar-separated, empty ones keep their bar
    unit = CharField(3)  # UN/ECE Rec. 20, the unit of sale
    net_mass = Exact()  # kg of one unit
    origin = CharField(2)  # ISO 3166-1 alpha-2
    legal_unit_1 = CharField(3, default="")  # 法定第一单位, China customs unit code; dictated by the HS code
    legal_unit_2 = CharField(3, default="")
    source_district = CharField(5, default="")  # 境内货源地
    un_no = CharField(4, default="")  # dangerous goods: the digits of the UN number; '' for all others
    proper_shipping_name = CharField(128, default="")  # as the IMDG Code lists it
    hazard_class = CharField(8, default="")
    subsidiary_hazards = CharField(16, default="")
    packing_group = CharField(3, default="")  # I, II, III; some have none
    flash_point = CharField(16, default="")  # °C, closed cup
    marine_pollutant = BooleanField(default=False)
    limited_quantity = BooleanField(default=False)
    supervision_codes = CharField(16, default="")  # 监管证件代码 of the HS code
    archived = BooleanField(default=False)
    changed_time = Instant()

    class Meta:
        named = ("part_no",)
        constraints = [Check("length(hs_code) = 10")]


class AssetType(Row):
    """A class of returnable assets: KLT 6428, a steel cage, the EUR pallet."""

    code = CharField(24, unique=True)
    name_en = CharField(128)
    name_zh = CharField(128, default="")
    counted = BooleanField(default=False)  # a pool without codes: counted by type, never scanned one by one
    length_mm = IntegerField()  # outer size
    width_mm = IntegerField()
    height_mm = IntegerField()
    tare = Exact()  # kg
    payload = Exact()  # kg
    pieces_per_box = IntegerField(default=0)  # usual fill; 0: no usual fill
    package_code = CharField(2)  # UN/ECE Rec. 21
    cn_package_code = CharField(2)  # 包装种类 of the China declaration
    gs1_company_prefix = CharField(12, default="")  # with gs1_asset_type: 12 digits, the GRAI without 0 and check digit
    gs1_asset_type = CharField(12, default="")
    value = Exact()  # of one box, for customs and loss
    value_currency = CharField(3)
    hs_code = CharField(10, default="")  # of the empty box, when it crosses a border by itself
    declaration_elements = CharField(255, default="")
    origin = CharField(2, default="")  # ISO 3166-1 alpha-2
    agreed_days_out = IntegerField(default=0)  # 0: no agreement, never overdue; an agreement with a partner goes first
    inspected_before_dispatch = BooleanField(default=False)  # a returned one may leave only when it was found good
    damage_needs_photo = BooleanField(default=False)
    archived = BooleanField(default=False)
    changed_time = Instant()

    class Meta:
        named = ("code",)
        constraints = [Check("length_mm > 0"), Check("width_mm > 0"), Check("height_mm > 0")]
