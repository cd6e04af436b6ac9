"""People: who belongs to which seller, site and partner; sessions, links, second factor, rights of tokens, counters."""

from peewee import BigIntegerField, BooleanField, CharField, Check, ForeignKeyField, IntegerField, Model, TextField

from database import Instant


def _give_roles(db):
    """Up to now everybody who was signed in could do all but what is for administrators: nobody loses that."""

    class User(Model):
        class Meta:
            database = db
            table_name = "user"

    class Role(Model):
        name = CharField(max_length=32)
        description = CharField(max_length=255, default="")

        class Meta:
            database = db
            table_name = "role"

    class UserRole(Model):
        user = ForeignKeyField(User)
        role = ForeignKeyField(Role)

        class Meta:
            database = db
            table_name = "user_role"

    administrators = UserRole.select(UserRole.user).join(Role).where(Role.name == "administrator")
    others = [row.id for row in User.select(User.id).where(User.id.not_in(administrators))]
    for name in ("document_clerk", "logistics_lead") if others else ():
        role, _ = Role.get_or_create(name=name)
        for user in others:
            UserRole.get_or_create(user=user, role=role)


def up(migrator, db):
    def known(name):
        meta = type("Meta", (), {"database": db, "table_name": name})
        return type(name.title().replace("_", ""), (Model,), {"Meta": meta})

    Party, Place, User = known("party"), known("place"), known("user")

    def person(null=False, on_delete="CASCADE", **more):
        return ForeignKeyField(User, field=User.id, null=null, on_delete=on_delete, **more)

    for name, field in {
        "name": CharField(max_length=80, default=""),
        "partner_id": ForeignKeyField(Party, field=Party.id, null=True, on_delete="RESTRICT", index=False),
        # Who was there before saw all of it, and goes on to: True. The service itself says it for each new person.
        "all_entities": BooleanField(default=True),
        "all_sites": BooleanField(default=True),
        "tf_primary_method": CharField(max_length=16, null=True),
        "tf_totp_secret": TextField(null=True),
        "totp_counter": BigIntegerField(null=True),
        "mf_recovery_codes": TextField(null=True),
        "oidc_subject": CharField(max_length=400, null=True, unique=True),
        "signed_in_time": Instant(null=True),
    }.items():
        migrator.migrate(migrator.add_column("user", name, field))

    _give_roles(db)

    # '*': all that its person may, which is what a token could do up to now
    migrator.migrate(migrator.add_column("api_token", "rights", TextField(default="*")))

    class UserEntity(Model):
        user = person(index=False)
        party = ForeignKeyField(Party, field=Party.id, on_delete="CASCADE", index=False)

        class Meta:
            database = db
            table_name = "user_entity"
            indexes = ((("user", "party"), True),)

    class UserSite(Model):
        user = person(index=False)
        place = ForeignKeyField(Place, field=Place.id, on_delete="CASCADE", index=False)

        class Meta:
            database = db
            table_name = "user_site"
            indexes = ((("user", "place"), True),)

    class UserSession(Model):
        user = person()
        token_sha256 = CharField(max_length=64, unique=True)
        created_time = Instant(index=True)
        seen_time = Instant()
        address = CharField(max_length=45, default="")
        agent = CharField(max_length=200, default="")

        class Meta:
            database = db
            table_name = "user_session"

    class PersonLink(Model):
        user = person()
        purpose = CharField(max_length=6)
        token_sha256 = CharField(max_length=64, unique=True)
        created_time = Instant()
        created_by = person(null=True, on_delete="SET NULL", index=False)
        expires_time = Instant()
        used_time = Instant(null=True)

        class Meta:
            database = db
            table_name = "person_link"
            constraints = [Check("purpose IN ('invite', 'reset')")]

    class AttemptCount(Model):
        key = CharField(max_length=255, unique=True)
        count = IntegerField()
        expires_time = Instant(index=True)

        class Meta:
            database = db
            table_name = "attempt_count"

    db.create_tables([UserEntity, UserSite, UserSession, PersonLink, AttemptCount], safe=False)
