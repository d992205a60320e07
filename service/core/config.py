"""One settings object, filled from `LABELAUDIT_*` variables; runs on a laptop with nothing set."""

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
SIGNING_KEY = "signing-key.pem"  # there, too
SHORTEST_PASSWORD = 12


LOOPBACK = ("localhost", "127.0.0.1", "::1")
GUESSED = {"labelaudit", "postgres", "postgresql", "redis", "password", "passwort", "secret",
           "changeme", "change-me", "admin", "root", "test", "123456", "default"}  # fmt: skip


def _password_fault(url: str) -> str | None:
    """What is wrong with the password in an address that leads to another machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.hostname in LOOPBACK:
        return None
    if not parts.password:
        return "no password"
    if parts.password.lower() in GUESSED or len(parts.password) < SHORTEST_PASSWORD:
        return "a password that can be guessed"
    return None


def _is_private(url: str) -> bool:
    """Whether what is sent there is read by nobody on the way."""
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
        default=Path("labelaudit-data"), description="where the embedded default keeps everything"
    )
    database_url: str = Field(default="", description="empty: SQLite in data_dir", repr=False)
    app_database_url: str = Field(
        default="",
        description="for `migrate`: what the service will connect as; it is made and granted",
        repr=False,
    )
    database_pool: int = Field(default=24, ge=3, description="connections of each process, at most")
    redis_url: str = Field(default="", description="empty: workers poll the database", repr=False)
    storage_dir: Path | None = Field(default=None, description="empty: data_dir/storage")

    host: str = "127.0.0.1"
    port: int = 8321
    one_core: bool = Field(
        default=True, description="a process that serves HTTP alone keeps to one core"
    )
    trusted_proxies: list[str] = Field(
        default=[], description="addresses whose X-Forwarded-* headers are believed"
    )
    allowed_origins: list[str] = Field(
        default=[], description="by CORS, of other pages, without cookies"
    )
    show_docs: bool | None = Field(default=None, description="/docs; where embedded, if not said")
    rate_limit: str | None = Field(
        default=None, description="per caller, `6000/minute` unless embedded; empty: none"
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
    public_url: str = Field(default="", description="what people type; OIDC comes back to it")

    oidc_issuer: str = Field(default="", description="empty: nobody signs in elsewhere")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_scopes: str = "openid profile email"
    oidc_title: str = Field(default="Single sign-on", description="on the button")
    oidc_role_claim: str = "groups"
    oidc_roles: dict[str, Role] = Field(default={}, description="a group there: a role here")
    oidc_default_role: Role | None = Field(default=None, description="of whoever has no such group")
    oidc_tenant_claim: str = Field(default="", description="empty: all are of the default tenant")
    oidc_tenants: dict[str, str] = Field(default={}, description="the claim's value: a tenant's id")
    oidc_default_tenant: str = "default"
    oidc_email_domains: list[str] = Field(default=[], description="empty: any")

    workers: int = Field(default=1, ge=0, description="worker processes of the embedded default")
    device: Literal["auto", "cpu", "cuda"] = "auto"

    models_dir: Path | None = Field(
        default=None, description="folders of models that audits may name as encoders; empty: none"
    )
    max_upload_bytes: int = Field(default=20 * 2**30, gt=0)
    free_space_watermark_bytes: int = Field(default=2 * 2**30, ge=0)
    upload_hours: float = Field(default=24.0, gt=0, description="how long one may take")

    upload_bucket: str = Field(default="", description="empty: files come through the service")
    upload_prefix: str = Field(
        default="labelaudit/",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*/$",
        description="of its keys in the bucket; whatever else lies under it is deleted",
    )
    upload_endpoint: str = Field(default="", description="empty: Amazon's own")
    upload_public_endpoint: str = Field(default="", description="for clients; empty: the same")
    upload_region: str = Field(default="", description="empty: as AWS_REGION or AWS's files say")
    upload_access_key: SecretStr = Field(
        default=SecretStr(""), description="empty: by AWS's variables, files or the machine's role"
    )
    upload_secret_key: SecretStr = SecretStr("")
    upload_part_bytes: int = Field(
        default=64 * 2**20, ge=5 * 2**20, le=5 * 2**30, description="larger for very large files"
    )

    ingest_memory_bytes: int = Field(default=4 * 2**30, gt=0, description="to read one upload")
    ingest_seconds: float = Field(default=3600.0, gt=1, description="to read one upload")
    tidy_seconds: float = Field(default=600.0, gt=0, description="between looks for leftovers")
    encoding_cache_bytes: int = Field(
        default=50 * 2**30, ge=0, description="of encodings; the least recently used go first"
    )
    open_uploads: int = Field(default=8, gt=0, description="of one caller at a time")
    quota_bytes: int = Field(default=0, ge=0, description="of all datasets together; 0: no quota")
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

    def faults(self) -> list[str]:
        """What is unsafe here outside the embedded default; each says its remedy."""
        return [
            f"{PREFIX}{name.upper()} has {fault}: make a random password, see docs/deployment.md."
            for name in ("database_url", "app_database_url", "redis_url")
            if (fault := _password_fault(getattr(self, name)))
        ] + self.elsewhere_faults()

    def elsewhere_faults(self) -> list[str]:
        """What is unsafe in what people and their files are sent to, embedded or not."""
        return self.oidc_faults() + self.bucket_faults()

    def bucket_faults(self) -> list[str]:
        """What is missing or unsafe where files go straight to a bucket."""
        if not self.upload_bucket:
            return []
        found = []
        address = self.upload_public_endpoint or self.upload_endpoint
        if address and not _is_private(address):
            found.append(
                f"Clients would send their files to {address}: {PREFIX}UPLOAD_PUBLIC_ENDPOINT, or "
                f"{PREFIX}UPLOAD_ENDPOINT without it, needs to begin with https://."
            )
        if find_spec("boto3") is None:
            found.append(f"{PREFIX}UPLOAD_BUCKET needs `pip install 'labelaudit[s3]'`.")
        return found

    def oidc_faults(self) -> list[str]:
        """What is missing or unsafe where people sign in elsewhere."""
        if not self.oidc_issuer:
            return []
        found = []
        if not (self.oidc_client_id and self.oidc_client_secret.get_secret_value()):
            found.append(f"OIDC needs {PREFIX}OIDC_CLIENT_ID and {PREFIX}OIDC_CLIENT_SECRET.")
        if not (self.oidc_roles or self.oidc_default_role):
            found.append(f"OIDC lets nobody in without {PREFIX}OIDC_ROLES.")
        return found + [
            f"OIDC needs {PREFIX}{name.upper()} to begin with https://."
            for name in ("oidc_issuer", "public_url")
            if not _is_private(getattr(self, name))
        ]

    @property
    def embedded(self) -> bool:
        """True when nothing but a folder is needed: SQLite and polling workers."""
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
