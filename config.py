"""Every setting of the service: name, default, what it is for. The environment is read here and nowhere else."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent

#: name of the environment variable → (default, what it is for). The README's table and its test are built from this.
SETTINGS: dict[str, tuple[str, str]] = {
    "ROUNDTRIP_DATA_DIR": ("data", "Folder of the database, the issued files and the keys; made when absent."),
    "ROUNDTRIP_DATABASE_URL": (
        "",
        "Database; empty: SQLite in the data folder. PostgreSQL: postgresql://user:secret@host/name",
    ),
    "ROUNDTRIP_FILES_URL": (
        "",
        "Where kept files lie: s3://bucket/folder for a store that speaks S3; empty: in the data folder.",
    ),
    "ROUNDTRIP_FILES_ENDPOINT": ("", "Address of that store, https://s3.example.com; empty: that of Amazon."),
    "ROUNDTRIP_FILES_REGION": ("us-east-1", "Its region."),
    "ROUNDTRIP_FILES_KEY": ("", "Access key of that store."),
    "ROUNDTRIP_FILES_SECRET": ("", "Its secret."),
    "ROUNDTRIP_FILES_LINKS": (
        "0",
        "Seconds for which a link to the store is good, by which issued papers are fetched; 0: the service gives them.",
    ),
    "ROUNDTRIP_HOST": ("127.0.0.1", "Address the server listens on."),
    "ROUNDTRIP_PORT": ("8000", "Port the server listens on."),
    "ROUNDTRIP_BASE_URL": (
        "",
        "What QR codes link to, for years, e.g. https://rt.example.com; empty: http://HOST:PORT.",
    ),
    "ROUNDTRIP_DEMO": ("1", "1 loads the demo company into an empty database at start, 0 leaves it empty."),
    "ROUNDTRIP_SIGNING_FILE": (
        "",
        "PKCS#12 file with the certificate that signs issued papers (PAdES); empty: they are not signed.",
    ),
    "ROUNDTRIP_SIGNING_PASSWORD": ("", "Password of that file."),
    "ROUNDTRIP_SMTP_URL": (
        "",
        "Mail server for the digest of alerts: smtp://user:secret@host:587 or smtps://host; empty: no mail is sent.",
    ),
    "ROUNDTRIP_MAIL_FROM": ("", "Sender of these mails; needed with ROUNDTRIP_SMTP_URL."),
    "ROUNDTRIP_WEBHOOK_HOSTS": (
        "",
        "Hosts in private networks that webhooks may call, parted by commas; all others must be public.",
    ),
    "ROUNDTRIP_SECRET_KEY": ("", "Signs sessions and links; empty: made once and kept in the data folder."),
    "ROUNDTRIP_TOTP_KEY": (
        "",
        "Encrypts second factors; empty: made once and kept in the data folder.",
    ),
    "ROUNDTRIP_BACKUP_KEY": (
        "",
        "Encrypts backups, 32 characters or more; keep it apart from them. Empty: not encrypted, and without our keys.",
    ),
    "ROUNDTRIP_SESSION_IDLE": ("8", "Hours without a request after which a person has to sign in again."),
    "ROUNDTRIP_SESSION_LIFETIME": ("16", "Hours after which a person has to sign in again in any case."),
    "ROUNDTRIP_REQUIRE_TOTP": (
        "",
        "Roles whose people must have a second factor, parted by commas, like administrator,document_clerk.",
    ),
    "ROUNDTRIP_OIDC_ISSUER": (
        "",
        "OpenID Connect provider for signing in, https://login.example.com/realm; empty: by password only.",
    ),
    "ROUNDTRIP_OIDC_CLIENT_ID": ("", "Name of this service at that provider."),
    "ROUNDTRIP_OIDC_CLIENT_SECRET": ("", "Secret of this service at that provider."),
    "ROUNDTRIP_PROXY_HOPS": (
        "0",
        "Proxies in front of the service whose X-Forwarded-For and -Proto are believed; 0: none is.",
    ),
    "ROUNDTRIP_WORKERS": (
        "1",
        "Processes for background jobs that `serve` starts; 0: none, where workers run elsewhere (`flask worker`).",
    ),
    "ROUNDTRIP_LOG": ("text", "Lines of the log on standard output: text or json."),
}


#: Roles that ROUNDTRIP_REQUIRE_TOTP may name: those of accounts.rights, which this module may not import.
ROLES_OF_SETTINGS = frozenset(
    ("administrator", "document_clerk", "logistics_lead", "scanner_operator", "viewer", "partner", "seal")
)


class SettingsFault(Exception):
    """One or more settings are wrong; `str()` names each of them, a line each."""


@dataclass(frozen=True)
class Bucket:
    """A folder in a store that speaks S3. `folder`: without slashes at its ends, '' for the whole bucket."""

    name: str
    folder: str = ""
    endpoint: str = ""  # '' that of Amazon
    region: str = "us-east-1"
    key: str = ""
    secret: str = field(default="", repr=False)

    def __truediv__(self, name: str) -> Bucket:
        return replace(self, folder=f"{self.folder}/{name}".lstrip("/"))


#: Where kept files lie: a folder of this machine, or one of a bucket.
Store = Path | Bucket


@dataclass(frozen=True)
class Settings:
    """Checked settings. `database_url` is what `playhouse.db_url.connect` takes."""

    data_dir: Path
    database_url: str
    host: str
    port: int
    base_url: str
    demo: bool
    secret_key: str
    signing_file: Path | None = None
    signing_password: str = ""
    smtp_url: str = ""
    mail_from: str = ""
    webhook_hosts: tuple[str, ...] = ()
    session_idle: timedelta = timedelta(hours=8)
    session_lifetime: timedelta = timedelta(hours=16)
    require_totp: frozenset[str] = frozenset()  # roles
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    proxy_hops: int = 0
    backup_key: str = ""  # encrypts backups; '': they are not encrypted
    log: str = "text"  # or json
    workers: int = 1  # processes for background jobs that `serve` starts
    totp_key: str = ""  # encrypts second factors; '': the secret key does
    bucket: Bucket | None = None  # where kept files lie; None: in the data folder
    links: timedelta = timedelta()  # how long a link to the bucket is good; 0: there are none

    @property
    def secure(self) -> bool:
        """Whether people reach the service by https: cookies are sent by it only, and browsers told so."""
        return self.base_url.startswith("https://")

    @property
    def kept(self) -> Store:
        """Where the folders of kept files are: in the bucket, or in the data folder."""
        return self.bucket or self.data_dir

    @property
    def archive_dir(self) -> Store:
        """Folder of the issued files."""
        return self.kept / "files"

    @property
    def pictures_dir(self) -> Store:
        """Folder of logos, stamps and signatures."""
        return self.kept / "pictures"

    @property
    def photos_dir(self) -> Store:
        """Folder of the photos of boxes."""
        return self.kept / "photos"

    @property
    def packs_dir(self) -> Store:
        """Folder of the template packs."""
        return self.kept / "packs"

    @property
    def results_dir(self) -> Store:
        """Folder of what background jobs made, for a few days."""
        return self.kept / "results"

    @property
    def prepared_dir(self) -> Path:
        """Folder of the drafts that were made before somebody asks for them."""
        return self.data_dir / "prepared"

    @property
    def shared_prepared(self) -> Bucket | None:
        """Where other hosts find drafts that this one has made; None: there are none."""
        return self.bucket / "prepared" if self.bucket else None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings; makes the data folder and the secret key when they are absent.

    Raises SettingsFault with every fault at once, so that an administrator mends them in one go.
    """
    environ = os.environ if environ is None else environ
    value = {name: environ.get(name, "").strip() or default for name, (default, _) in SETTINGS.items()}
    faults = [
        f"{name} is not a setting of this service"
        for name in environ
        if name.startswith("ROUNDTRIP_") and name not in SETTINGS
    ]

    data_dir = Path(value["ROUNDTRIP_DATA_DIR"])
    if not data_dir.is_absolute():
        data_dir = ROOT / data_dir
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not value["ROUNDTRIP_FILES_URL"]:
            (data_dir / "files").mkdir(exist_ok=True)
        if not os.access(data_dir, os.W_OK):
            raise PermissionError("not writable")
    except OSError as error:
        faults.append(f"ROUNDTRIP_DATA_DIR={data_dir}: {error.strerror or error}")

    port = 8000
    if value["ROUNDTRIP_PORT"].isdecimal() and 0 < int(value["ROUNDTRIP_PORT"]) < 65536:
        port = int(value["ROUNDTRIP_PORT"])
    else:
        faults.append(f"ROUNDTRIP_PORT={value['ROUNDTRIP_PORT']}: a number from 1 to 65535 is needed")

    demo = value["ROUNDTRIP_DEMO"]
    if demo not in ("0", "1"):
        faults.append(f"ROUNDTRIP_DEMO={demo}: 0 or 1 is needed")

    database_url, database_faults = database_address(
        value["ROUNDTRIP_DATABASE_URL"] or f"sqlite:///{data_dir / 'roundtrip.db'}"
    )
    faults += [f"ROUNDTRIP_DATABASE_URL: {fault}" for fault in database_faults]

    base_url = (value["ROUNDTRIP_BASE_URL"] or f"http://{value['ROUNDTRIP_HOST']}:{port}").rstrip("/")
    if not _is_address(base_url):
        faults.append(f"ROUNDTRIP_BASE_URL={base_url}: an address like https://rt.example.com is needed")

    signing_file = Path(value["ROUNDTRIP_SIGNING_FILE"]) if value["ROUNDTRIP_SIGNING_FILE"] else None
    if signing_file and not (signing_file.is_file() and os.access(signing_file, os.R_OK)):
        faults.append(f"ROUNDTRIP_SIGNING_FILE={signing_file}: there is no such file that we may read")

    smtp_url, mail_from = value["ROUNDTRIP_SMTP_URL"], value["ROUNDTRIP_MAIL_FROM"]
    if smtp_url and (fault := _smtp_fault(smtp_url)):
        faults.append(f"ROUNDTRIP_SMTP_URL: {fault}")
    if smtp_url and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", mail_from):
        faults.append(f"ROUNDTRIP_MAIL_FROM={mail_from}: an address like roundtrip@example.com is needed")

    idle = _hours(value["ROUNDTRIP_SESSION_IDLE"])
    lifetime = _hours(value["ROUNDTRIP_SESSION_LIFETIME"])
    for name, hours in (("ROUNDTRIP_SESSION_IDLE", idle), ("ROUNDTRIP_SESSION_LIFETIME", lifetime)):
        if hours is None:
            faults.append(f"{name}={value[name]}: hours from 0.1 to 720 are needed")

    require_totp = frozenset(role.strip() for role in value["ROUNDTRIP_REQUIRE_TOTP"].split(",") if role.strip())
    if strange := require_totp - ROLES_OF_SETTINGS:
        faults.append(
            f"ROUNDTRIP_REQUIRE_TOTP: {', '.join(sorted(strange))} is no role;"
            f" there are {', '.join(sorted(ROLES_OF_SETTINGS))}"
        )

    oidc = [value[f"ROUNDTRIP_OIDC_{part}"] for part in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")]
    if any(oidc) and not all(oidc):
        faults.append("ROUNDTRIP_OIDC_ISSUER, _CLIENT_ID and _CLIENT_SECRET are needed together")
    if oidc[0] and not (_is_address(oidc[0]) and (oidc[0].startswith("https://") or _on_this_machine(oidc[0]))):
        faults.append(f"ROUNDTRIP_OIDC_ISSUER={oidc[0]}: an address like https://login.example.com/realm is needed")

    hops = value["ROUNDTRIP_PROXY_HOPS"]
    if not (hops.isascii() and hops.isdecimal() and int(hops) <= 10):
        faults.append(f"ROUNDTRIP_PROXY_HOPS={hops}: a number from 0 to 10 is needed")

    workers = value["ROUNDTRIP_WORKERS"]
    if not (workers.isascii() and workers.isdecimal() and int(workers) <= 16):
        faults.append(f"ROUNDTRIP_WORKERS={workers}: a number from 0 to 16 is needed")

    if value["ROUNDTRIP_LOG"] not in ("text", "json"):
        faults.append(f"ROUNDTRIP_LOG={value['ROUNDTRIP_LOG']}: text or json is needed")

    bucket, bucket_faults = _bucket(value)
    faults += bucket_faults
    links = value["ROUNDTRIP_FILES_LINKS"]
    if not (links.isascii() and links.isdecimal() and int(links) <= 3600):
        faults.append(f"ROUNDTRIP_FILES_LINKS={links}: seconds from 0 to 3600 are needed")
    elif int(links) and not value["ROUNDTRIP_FILES_URL"]:
        faults.append("ROUNDTRIP_FILES_LINKS: there are links to files with ROUNDTRIP_FILES_URL only")

    if value["ROUNDTRIP_TOTP_KEY"] and len(value["ROUNDTRIP_TOTP_KEY"]) < 32:
        faults.append("ROUNDTRIP_TOTP_KEY: at least 32 characters are needed")
    secret_key = value["ROUNDTRIP_SECRET_KEY"]
    if secret_key and len(secret_key) < 32:
        faults.append("ROUNDTRIP_SECRET_KEY: at least 32 characters are needed")
    if value["ROUNDTRIP_BACKUP_KEY"] and len(value["ROUNDTRIP_BACKUP_KEY"]) < 32:
        faults.append("ROUNDTRIP_BACKUP_KEY: at least 32 characters are needed")
    if faults or idle is None or lifetime is None:
        raise SettingsFault("\n".join(faults))
    return Settings(
        data_dir=data_dir,
        database_url=database_url,
        host=value["ROUNDTRIP_HOST"],
        port=port,
        base_url=base_url,
        demo=demo == "1",
        secret_key=secret_key or _kept_secret(data_dir / "secret.key"),
        signing_file=signing_file,
        signing_password=value["ROUNDTRIP_SIGNING_PASSWORD"],
        smtp_url=smtp_url,
        mail_from=mail_from,
        webhook_hosts=tuple(
            host.strip().lower() for host in value["ROUNDTRIP_WEBHOOK_HOSTS"].split(",") if host.strip()
        ),
        session_idle=idle,
        session_lifetime=lifetime,
        require_totp=require_totp,
        oidc_issuer=oidc[0].rstrip("/"),
        oidc_client_id=oidc[1],
        oidc_client_secret=oidc[2],
        proxy_hops=int(hops),
        backup_key=value["ROUNDTRIP_BACKUP_KEY"],
        log=value["ROUNDTRIP_LOG"],
        workers=int(workers),
        totp_key=value["ROUNDTRIP_TOTP_KEY"] or _kept_secret(data_dir / "totp.key"),
        bucket=bucket,
        links=timedelta(seconds=int(links)),
    )


def _bucket(value: Mapping[str, str]) -> tuple[Bucket | None, list[str]]:
    """The bucket that the settings name, None without one, and what is wrong with it; the secret is never told."""
    url = value["ROUNDTRIP_FILES_URL"]
    if not url:
        lost = [f"{name} is given, and ROUNDTRIP_FILES_URL is not" for name in ("ROUNDTRIP_FILES_ENDPOINT",
                "ROUNDTRIP_FILES_KEY", "ROUNDTRIP_FILES_SECRET") if value[name]]  # fmt: skip
        return None, lost
    faults = []
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)/?", url)
    if match is None:
        faults.append("ROUNDTRIP_FILES_URL: s3://bucket or s3://bucket/folder is needed, without any secret in it")
    endpoint = value["ROUNDTRIP_FILES_ENDPOINT"].rstrip("/")
    if endpoint and (not _is_address(endpoint) or urlsplit(endpoint).username or urlsplit(endpoint).path):
        faults.append("ROUNDTRIP_FILES_ENDPOINT: an address like https://s3.example.com is needed, without any secret")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,40}", value["ROUNDTRIP_FILES_REGION"]):
        faults.append(f"ROUNDTRIP_FILES_REGION={value['ROUNDTRIP_FILES_REGION']}: a name like eu-central-1 is needed")
    if not (value["ROUNDTRIP_FILES_KEY"] and value["ROUNDTRIP_FILES_SECRET"]):
        faults.append("ROUNDTRIP_FILES_KEY and _SECRET are needed with ROUNDTRIP_FILES_URL")
    if match is None or faults:
        return None, faults
    key, secret = value["ROUNDTRIP_FILES_KEY"], value["ROUNDTRIP_FILES_SECRET"]
    return Bucket(match[1], match[2].strip("/"), endpoint, value["ROUNDTRIP_FILES_REGION"], key, secret), []


def database_address(url: str) -> tuple[str, list[str]]:
    """What `playhouse.db_url.connect` takes for this address, and what is wrong with it; no secret is told."""
    faults = []
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        scheme = "psycopg3+pool"  # the driver that requirements.txt brings; peewee would look for psycopg2 first
    elif scheme not in ("sqlite", "psycopg3", "psycopg3+pool"):
        faults.append(
            f"{scheme if separator else 'nothing'}:// is not known; use sqlite:///file or"
            " postgresql://user:secret@host/name"
        )
    url = scheme + separator + rest
    if not _names_a_database(url):
        faults.append(
            "a database has to be named, like sqlite:///file or postgresql://user:secret@host/name;"
            " in user and secret, write signs like @ / # as %40 %2F %23"
        )
    return url, faults


def _hours(text: str) -> timedelta | None:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", text):
        return None
    time = timedelta(hours=float(text))
    return time if timedelta(minutes=6) <= time <= timedelta(hours=720) else None


def _on_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _names_a_database(url: str) -> bool:
    """True when `url` leads to a database that stays: one in memory would be another in each thread."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no number, as behind a '/' in a secret
    except ValueError:
        return False
    return parts.path.lstrip("/") not in ("", ":memory:")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment


def _smtp_fault(url: str) -> str:
    """What is wrong with the address of a mail server; the text never repeats it, there may be a password in it."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("smtp", "smtps") and parts.hostname and (parts.port or 1) > 0
        known = known and not parts.path.strip("/")
    except ValueError:  # a port that is no number
        known = False
    return "" if known else "smtp://user:secret@host:587 or smtps://host is needed"


def _kept_secret(path: Path) -> str:
    """The secret in `path`, made at the first call; two processes that start together agree on one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="ascii").strip()
