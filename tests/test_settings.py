"""Settings: checked at start, all faults at once, each one in the README."""

from pathlib import Path

import pytest

from config import SETTINGS, SettingsFault, load_settings
from database import open_database

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SETTINGS)
def test_the_readme_names_every_setting(name):
    assert f"`{name}`" in README


def test_defaults_work_and_the_secret_is_made_once(tmp_path):
    first = load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path / "d")})
    again = load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path / "d")})
    assert first == again
    assert len(first.secret_key) >= 32
    assert (tmp_path / "d" / "secret.key").stat().st_mode & 0o077 == 0
    assert first.base_url == "http://127.0.0.1:8000"
    assert first.database_url == f"sqlite:///{tmp_path / 'd' / 'roundtrip.db'}"


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(SettingsFault) as fault:
        load_settings({
            "ROUNDTRIP_DATA_DIR": str(tmp_path), "ROUNDTRIP_PORT": "99999", "ROUNDTRIP_DEMO": "yes", "ROUNDTRIP_PROT": "1",
            "ROUNDTRIP_DATABASE_URL": "oracle://x", "ROUNDTRIP_BASE_URL": "rt.example.com", "ROUNDTRIP_SECRET_KEY": "short",
        })  # fmt: skip
    for name in ("PORT", "DEMO", "PROT", "DATABASE_URL", "BASE_URL", "SECRET_KEY"):
        assert f"ROUNDTRIP_{name}" in str(fault.value)


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://", "postgresql://u:p@h", "postgresql://u:p/w@h/n",
     "postgresql://u:p@h:x/n", "postgresql://[h/n", "x"],
)  # fmt: skip
def test_an_address_that_names_no_database_is_refused(tmp_path, url):
    with pytest.raises(SettingsFault, match="ROUNDTRIP_DATABASE_URL") as fault:
        load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path), "ROUNDTRIP_DATABASE_URL": url})
    assert "p/w" not in str(fault.value)  # the secret stays out of logs


@pytest.mark.parametrize(
    "url", ["https://[rt", "https://rt.example.com:x", "https://", "ftp://rt.example.com", "https://h/?q"]
)
def test_an_address_that_no_qr_code_can_link_to_is_refused(tmp_path, url):
    with pytest.raises(SettingsFault, match="ROUNDTRIP_BASE_URL"):
        load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path), "ROUNDTRIP_BASE_URL": url})


def test_a_secret_with_special_signs_is_written_escaped(tmp_path):
    url = "postgresql://o%40ps:p%40ss%2F%23w%25@db.example.com/roundtrip"
    settings = load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path), "ROUNDTRIP_DATABASE_URL": url})
    database = open_database(settings.database_url)
    assert (database.database, database.connect_params["user"], database.connect_params["password"]) == (
        "roundtrip", "o@ps", "p@ss/#w%",
    )  # fmt: skip


def test_a_postgresql_address_uses_the_driver_that_we_bring(tmp_path):
    settings = load_settings({"ROUNDTRIP_DATA_DIR": str(tmp_path), "ROUNDTRIP_DATABASE_URL": "postgresql://u:p@h/n"})
    assert settings.database_url == "psycopg3+pool://u:p@h/n"
