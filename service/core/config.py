"""Settings from `LABELAUDIT_*` variables. Every one has a default that works on a laptop."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from labelaudit.enums import Role
from service.core.allowed_hosts import checked_host
from service.core.secret_files import PREFIX, SecretFiles
from service.core.url_safety import is_secure, password_error

DATABASE = "labelaudit.sqlite3"  # in the data directory
SIGNING_KEY = "signing-key.pem"  # in the data directory


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    data_dir: Path = Field(
        default=Path("labelaudit-data"), description="Folder of the embedded service."
    )
    database_url: str = Field(
        default="", description="PostgreSQL URL. Empty: SQLite in the data directory.", repr=False
    )
    app_database_url: str = Field(
        default="",
        description="For `migrate`: URL of the role that the service connects as. `migrate` "
        "creates the role.",
        repr=False,
    )
    database_pool: int = Field(
        default=24, ge=3, description="Maximum database connections per process."
    )
    redis_url: str = Field(
        default="", description="Redis URL. Empty: workers poll the database.", repr=False
    )
    storage_dir: Path | None = Field(
        default=None, description="Folder for files. Empty: `storage` in the data directory."
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8321, description="Port to listen on.")
    one_core: bool = Field(
        default=True,
        description="Pin a process that only serves HTTP to one core, which is faster.",
    )
    trusted_proxies: list[str] = Field(
        default=[], description="Proxy addresses whose `X-Forwarded-*` headers are trusted."
    )
    allowed_origins: list[str] = Field(
        default=[], description="Origins allowed by CORS, without cookies."
    )
    show_docs: bool | None = Field(
        default=None, description="Serve `/docs` and `/openapi.json`. Unset: only if embedded."
    )
    rate_limit: str | None = Field(
        default=None,
        description="Requests per key. Unset: `6000/minute`, or none if embedded. Empty: no limit.",
    )
    failed_sign_in_limit: str = Field(
        default="30/minute", description="Failed sign-ins per address."
    )
    sessions_per_person: int = Field(
        default=20,
        ge=0,
        description="Sessions per person; the oldest ends. 0: any number.",
    )
    max_connections: int = Field(
        default=1000, ge=8, description="Maximum connections of a process that serves HTTP."
    )
    head_seconds: float = Field(
        default=20.0, gt=0, description="Time limit for the head of a request."
    )
    body_seconds: float = Field(
        default=15.0, gt=0, description="Time in which a body must end or bring 16 KiB."
    )
    response_seconds: float = Field(
        default=60.0, gt=0, description="Time in which a caller must take 16 KiB of a response."
    )
    expensive_requests: int = Field(
        default=4,
        ge=0,
        description="Reports, plots, downloads and predictions that an organisation runs at once "
        "in each process. 0: no limit.",
    )
    open_jobs: int = Field(
        default=16,
        ge=0,
        description="Unfinished exports of an organisation, and as many predictions. 0: no limit.",
    )
    webhook_hosts: list[Annotated[str, AfterValidator(checked_host)]] = Field(
        default=[],
        description="Hosts that webhooks may go to, such as `hooks.example.com` or "
        "`*.example.com:8443`; `http://` allows plain HTTP. Empty: no webhooks.",
    )
    webhook_seconds: float = Field(
        default=1.0, gt=0, description="Seconds between two looks for webhooks to send."
    )
    access_log_days: int = Field(
        default=400,
        ge=0,
        description="For `migrate`: days that lines of the access log are kept. 0: forever.",
    )
    access_log_file: Path | None = Field(
        default=None, description="File to which the access log is also appended, as JSON lines."
    )
    signing_key: SecretStr = Field(
        default=SecretStr(""),
        description="Ed25519 key (PEM) that signs the chains of corrections. Unset: nothing is "
        "signed. An embedded service creates a key in its data directory.",
    )
    anchor_every: int = Field(
        default=100, ge=1, description="Corrections of a dataset between two signatures."
    )
    key_days: float = Field(
        default=365.0, ge=0, le=36_500, description="Days until new API keys expire. 0: never."
    )
    public_url: str = Field(
        default="", description="URL that people open. Required for single sign-on."
    )

    oidc_issuer: str = Field(
        default="", description="Issuer URL of the provider. Empty: no single sign-on."
    )
    oidc_client_id: str = Field(default="", description="Client ID at the provider.")
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Client secret at the provider."
    )
    oidc_scopes: str = Field(
        default="openid profile email", description="Scopes to request, separated by spaces."
    )
    oidc_title: str = Field(default="Single sign-on", description="Text of the sign-in button.")
    oidc_role_claim: str = Field(
        default="groups", description="ID token claim that contains a person's groups."
    )
    oidc_roles: dict[str, Role] = Field(
        default={}, description="Map of groups to roles. The most powerful role wins."
    )
    oidc_default_role: Role | None = Field(
        default=None, description="Role of people without a mapped group. Empty: refused."
    )
    oidc_tenant_claim: str = Field(
        default="", description="Claim with the organisation. Empty: the default organisation."
    )
    oidc_tenants: dict[str, str] = Field(
        default={}, description="Map of the claim's values to organisation ids."
    )
    oidc_default_tenant: str = Field(
        default="default", description="Organisation of people without a mapped claim."
    )
    oidc_email_domains: list[str] = Field(
        default=[], description="Allowed domains of verified email addresses. Empty: any."
    )

    workers: int = Field(default=1, ge=0, description="Worker processes of the embedded service.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where models run: `auto`, `cpu` or `cuda`."
    )

    models_dir: Path | None = Field(
        default=None, description="Folder of models that audits may use as encoders."
    )
    max_upload_bytes: int = Field(
        default=20 * 2**30, gt=0, description="Maximum size of an upload."
    )
    free_space_watermark_bytes: int = Field(
        default=2 * 2**30,
        ge=0,
        description="Free disk space below which uploads are refused with 507.",
    )
    upload_hours: float = Field(
        default=24.0, gt=0, description="Hours until an unfinished upload expires."
    )

    upload_bucket: str = Field(
        default="", description="S3 bucket for large uploads. Empty: upload through the service."
    )
    upload_prefix: str = Field(
        default="labelaudit/",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*/$",
        description="Prefix of all keys in the bucket. Other objects under it are deleted.",
    )
    upload_endpoint: str = Field(default="", description="S3 endpoint. Empty: Amazon S3.")
    upload_public_endpoint: str = Field(
        default="", description="S3 endpoint for clients. Empty: the same."
    )
    upload_region: str = Field(
        default="", description="Region of the bucket. Empty: from AWS's settings, or `us-east-1`."
    )
    upload_access_key: SecretStr = Field(
        default=SecretStr(""), description="Access key. Empty: from AWS's settings."
    )
    upload_secret_key: SecretStr = Field(
        default=SecretStr(""), description="Secret key. Empty: from AWS's settings."
    )
    upload_part_bytes: int = Field(
        default=64 * 2**20,
        ge=5 * 2**20,
        le=5 * 2**30,
        description="Size of a part. Increased automatically for very large files.",
    )

    ingest_memory_bytes: int = Field(
        default=4 * 2**30, gt=0, description="Memory limit for reading one upload."
    )
    ingest_without_network: bool | None = Field(
        default=None,
        description="Refuse to read an upload if its reader can't be cut off from the network. "
        "Unset: unless embedded.",
    )
    ingest_seconds: float = Field(
        default=3600.0, gt=1, description="Time limit for reading one upload."
    )
    cleanup_seconds: float = Field(default=600.0, gt=0, description="Seconds between cleanups.")
    encoding_cache_bytes: int = Field(
        default=50 * 2**30,
        ge=0,
        description="Limit for encodings and thumbnails. The least recently used go first.",
    )
    picture_decoders: int = Field(
        default=3, ge=1, description="Pictures that an API process decodes at once."
    )
    picture_bytes: int = Field(
        default=384 * 2**20,
        ge=64 * 2**20,
        description="Memory for decoding pictures, for all decoders of an API process together.",
    )
    picture_wait_seconds: float = Field(
        default=15.0, gt=0, description="How long a picture may wait to be decoded."
    )
    open_uploads: int = Field(default=8, gt=0, description="Open uploads per caller.")
    quota_bytes: int = Field(
        default=0, ge=0, description="Quota for all datasets together. 0: none."
    )
    quota_datasets: int = Field(default=0, ge=0, description="Maximum number of datasets. 0: none.")
    job_lease_seconds: float = Field(
        default=30.0, gt=0, description="How long a worker holds a job without renewing its lease."
    )
    job_stall_seconds: float = Field(
        default=900.0, gt=0, description="Seconds without progress after which a job is ended."
    )
    checkpoint_seconds: float = Field(
        default=5.0, ge=0, description="Minimum seconds between two checkpoints of a training."
    )
    review_lease_seconds: float = Field(
        default=600.0, gt=0, description="How long a sample stays reserved for a reviewer."
    )
    sweep_seconds: float = Field(
        default=5.0, gt=0, description="Seconds between reminders to workers of jobs that wait."
    )

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
    def reads_without_network_only(self) -> bool:
        given = self.ingest_without_network
        return not self.embedded if given is None else given

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
            if (error := password_error(getattr(self, name)))
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
        if address and not is_secure(address):
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
            if not is_secure(getattr(self, name))
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
