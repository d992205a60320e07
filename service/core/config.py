"""Settings from `LABELAUDIT_*` variables. Every one has a default that works on a laptop."""

import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from labelaudit.enums import Role

PREFIX = "LABELAUDIT_"
DATABASE = "labelaudit.sqlite3"  # in the data directory
SIGNING_KEY = "signing-key.pem"  # in the data directory
MIN_PASSWORD_LENGTH = 12
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WEAK_PASSWORDS = {"labelaudit", "postgres", "postgresql", "redis", "password", "passwort", "secret",
           "changeme", "change-me", "admin", "root", "test", "123456", "default"}  # fmt: skip


def _password_error(url: str) -> str | None:
    """What is wrong with the password in a URL of another machine, if anything."""
    parts = urlsplit(url)
    if not parts.hostname or parts.hostname in LOOPBACK:
        return None
    if not parts.password:
        return "no password"
    if parts.password.lower() in WEAK_PASSWORDS or len(parts.password) < MIN_PASSWORD_LENGTH:
        return "a password that is easy to guess"
    return None


def _is_secure(url: str) -> bool:
    """Whether nobody can read what is sent there in transit."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or parts.hostname in LOOPBACK)


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `LABELAUDIT_<NAME>_FILE`: how container platforms hand over secrets."""

    def get_field_value(self, _field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    data_dir: Path = Field(
        default=Path("labelaudit-data"), description="where the embedded service stores everything"
    )
    database_url: str = Field(default="", description="empty: SQLite in data_dir", repr=False)
    app_database_url: str = Field(
        default="",
        description="for `migrate`: the role that the service connects as, to create and grant",
        repr=False,
    )
    database_pool: int = Field(default=24, ge=3, description="maximum connections per process")
    redis_url: str = Field(default="", description="empty: workers poll the database", repr=False)
    storage_dir: Path | None = Field(default=None, description="empty: data_dir/storage")

    host: str = "127.0.0.1"
    port: int = 8321
    one_core: bool = Field(
        default=True, description="run a process that only serves HTTP on one core"
    )
    trusted_proxies: list[str] = Field(
        default=[], description="addresses whose X-Forwarded-* headers are trusted"
    )
    allowed_origins: list[str] = Field(
        default=[], description="origins allowed by CORS, without cookies"
    )
    show_docs: bool | None = Field(
        default=None, description="serve /docs; default: only if embedded"
    )
    rate_limit: str | None = Field(
        default=None, description="per caller; default `6000/minute`, none if embedded; empty: none"
    )
    failed_sign_in_limit: str = Field(default="30/minute", description="per address")
    access_log_days: int = Field(
        default=400, ge=0, description="for `migrate`: older lines are deleted; 0: never"
    )
    access_log_file: Path | None = Field(
        default=None, description="every line of the access log is appended to it as JSON, too"
    )
    signing_key: SecretStr = Field(
        default=SecretStr(""),
        description="an Ed25519 key (PEM) that signs the chains of corrections; where embedded, "
        "one is made in data_dir; empty elsewhere: nothing is signed",
    )
    anchor_every: int = Field(
        default=100, ge=1, description="corrections of a dataset between two signatures"
    )
    key_days: float = Field(
        default=365.0, ge=0, le=36_500, description="until new API keys expire; 0: never"
    )
    public_url: str = Field(default="", description="the URL people open; OIDC redirects to it")

    oidc_issuer: str = Field(default="", description="empty: no single sign-on")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_scopes: str = "openid profile email"
    oidc_title: str = Field(default="Single sign-on", description="label of the sign-in button")
    oidc_role_claim: str = "groups"
    oidc_roles: dict[str, Role] = Field(
        default={}, description="maps the provider's groups to roles"
    )
    oidc_default_role: Role | None = Field(
        default=None, description="role of people in none of these groups"
    )
    oidc_tenant_claim: str = Field(
        default="", description="empty: everybody belongs to the default tenant"
    )
    oidc_tenants: dict[str, str] = Field(
        default={}, description="maps values of the claim to tenant ids"
    )
    oidc_default_tenant: str = "default"
    oidc_email_domains: list[str] = Field(default=[], description="empty: any")

    workers: int = Field(default=1, ge=0, description="worker processes of the embedded service")
    device: Literal["auto", "cpu", "cuda"] = "auto"

    models_dir: Path | None = Field(
        default=None, description="folders of models that audits may use as encoders; empty: none"
    )
    max_upload_bytes: int = Field(default=20 * 2**30, gt=0)
    free_space_watermark_bytes: int = Field(default=2 * 2**30, ge=0)
    upload_hours: float = Field(
        default=24.0, gt=0, description="an unfinished upload expires after this long"
    )

    upload_bucket: str = Field(
        default="", description="empty: files are uploaded through the service"
    )
    upload_prefix: str = Field(
        default="labelaudit/",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*/$",
        description="of our keys in the bucket; everything else under it is deleted",
    )
    upload_endpoint: str = Field(default="", description="empty: Amazon S3")
    upload_public_endpoint: str = Field(default="", description="for clients; empty: the same")
    upload_region: str = Field(
        default="", description="empty: from AWS_REGION or AWS's config files"
    )
    upload_access_key: SecretStr = Field(
        default=SecretStr(""),
        description="empty: from AWS's variables, config files or instance role",
    )
    upload_secret_key: SecretStr = SecretStr("")
    upload_part_bytes: int = Field(
        default=64 * 2**20,
        ge=5 * 2**20,
        le=5 * 2**30,
        description="raised automatically for very large files",
    )

    ingest_memory_bytes: int = Field(
        default=4 * 2**30, gt=0, description="limit for reading one upload"
    )
    ingest_seconds: float = Field(default=3600.0, gt=1, description="limit for reading one upload")
    cleanup_seconds: float = Field(default=600.0, gt=0, description="between cleanups")
    encoding_cache_bytes: int = Field(
        default=50 * 2**30, ge=0, description="for encodings; the least recently used go first"
    )
    open_uploads: int = Field(default=8, gt=0, description="limit per caller")
    quota_bytes: int = Field(default=0, ge=0, description="for all datasets together; 0: no quota")
    quota_datasets: int = Field(default=0, ge=0, description="0: no quota")
    job_lease_seconds: float = Field(default=30.0, gt=0)
    job_stall_seconds: float = Field(
        default=900.0, gt=0, description="a job that tells no progress for so long is ended"
    )
    checkpoint_seconds: float = Field(
        default=5.0, ge=0, description="of training that a killed worker may cost, at least"
    )
    review_lease_seconds: float = Field(default=600.0, gt=0)
    sweep_seconds: float = Field(default=5.0, gt=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def shows_docs(self) -> bool:
        return self.embedded if self.show_docs is None else self.show_docs

    @property
    def rate_limit_per_caller(self) -> str:
        if self.rate_limit is not None:
            return self.rate_limit
        return "" if self.embedded else "6000/minute"

    def errors(self) -> list[str]:
        """Errors that make a deployed service unsafe; each says how to fix it."""
        return [
            f"{PREFIX}{name.upper()} has {error}. Generate one; see docs/deployment.md."
            for name in ("database_url", "app_database_url", "redis_url")
            if (error := _password_error(getattr(self, name)))
        ] + self.external_errors()

    def external_errors(self) -> list[str]:
        """Errors in the settings of the sign-in provider and the bucket."""
        return self.oidc_errors() + self.bucket_errors()

    def bucket_errors(self) -> list[str]:
        """Missing or unsafe settings of the upload bucket."""
        if not self.upload_bucket:
            return []
        found = []
        address = self.upload_public_endpoint or self.upload_endpoint
        if address and not _is_secure(address):
            found.append(
                f"Clients would send files unencrypted to {address}: "
                f"{PREFIX}UPLOAD_PUBLIC_ENDPOINT, or {PREFIX}UPLOAD_ENDPOINT without it, must "
                "start with https://."
            )
        if find_spec("boto3") is None:
            found.append(f"{PREFIX}UPLOAD_BUCKET needs `pip install 'labelaudit[s3]'`.")
        return found

    def oidc_errors(self) -> list[str]:
        """Missing or unsafe settings of single sign-on."""
        if not self.oidc_issuer:
            return []
        found = []
        if not (self.oidc_client_id and self.oidc_client_secret.get_secret_value()):
            found.append(f"OIDC needs {PREFIX}OIDC_CLIENT_ID and {PREFIX}OIDC_CLIENT_SECRET.")
        if not (self.oidc_roles or self.oidc_default_role):
            found.append(f"OIDC needs {PREFIX}OIDC_ROLES or {PREFIX}OIDC_DEFAULT_ROLE.")
        return found + [
            f"OIDC needs {PREFIX}{name.upper()} to start with https://."
            for name in ("oidc_issuer", "public_url")
            if not _is_secure(getattr(self, name))
        ]

    @property
    def embedded(self) -> bool:
        """True if the service needs nothing but a folder: SQLite and polling workers."""
        return not self.database_url

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / DATABASE}"

    @property
    def own_signing_key_file(self) -> Path | None:
        """The file of the key that the embedded default makes, where no other is set."""
        own = self.embedded and not self.signing_key.get_secret_value()
        return self.data_dir / SIGNING_KEY if own else None

    @property
    def resolved_storage_dir(self) -> Path:
        return self.storage_dir or self.data_dir / "storage"


@lru_cache
def settings() -> Settings:
    return Settings()
