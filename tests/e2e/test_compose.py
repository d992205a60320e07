"""The files that production is made from: valid, hardened, and in step with the code.

Nothing is built or started here; what the containers run is tested as processes elsewhere.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
import yaml
from sqlalchemy.engine import make_url

from service.core.config import Settings
from service.core.secret_files import PREFIX
from service.jobs.graph import Queue

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
OURS = ["migrate", "service", "worker-cpu", "worker-gpu"]
WORKERS = ["worker-cpu", "worker-gpu"]
SERVICES = ["postgres", "redis", *OURS]

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<mark>[-?])(?P<value>[^}]*))?\}")


class Unset(Exception):
    """A variable that must be set is not."""


def filled(text: str, variables: Mapping[str, str]) -> str:
    """What Compose makes of ${NAME}, ${NAME:-default} and ${NAME:?message}."""

    def value(match: re.Match[str]) -> str:
        given = variables.get(match["name"], "")
        if not given and match["mark"] == "?":
            raise Unset(match["value"])
        return given or (match["value"] or "")

    return VARIABLE.sub(value, text)


def compose(**variables: str) -> dict[str, Any]:
    text = filled(COMPOSE.read_text(), {"LABELAUDIT_SECRETS": "./secrets", **variables})
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def service(name: str, **variables: str) -> dict[str, Any]:
    found: dict[str, Any] = compose(**variables)["services"][name]
    return found


def schema() -> dict[str, Any]:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    found: dict[str, Any] = yaml.safe_load(vendored.read_text())
    return found


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    binary = Path(sys.executable).with_name("hadolint")
    return subprocess.run(
        [str(binary), "-"], input=text, capture_output=True, text=True, check=False
    )


def stages() -> dict[str, list[str]]:
    """The Dockerfile's stages: name -> instructions, `FROM` first, continuation lines joined."""
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip()]
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        if line.startswith("FROM"):
            found[line.split()[-1]] = current = []
        current.append(line)
    return found


def lineage(stage: str) -> list[str]:
    """The stage, and all that it is built on or copies from."""
    all_stages = stages()
    parents = [all_stages[stage][0].split()[1]]
    parents += re.findall(r"(?:--from=|from=)([\w-]+)", " ".join(all_stages[stage]))
    return [stage] + [old for parent in parents if parent in all_stages for old in lineage(parent)]


# ------------------------------------------------------------------------- validity


def test_the_compose_file_follows_the_compose_specification() -> None:
    jsonschema.validate(compose(), schema())


def test_a_misspelt_key_would_not_pass() -> None:
    document = compose()
    document["services"]["redis"]["healthchek"] = {}
    with pytest.raises(jsonschema.ValidationError, match="healthchek"):
        jsonschema.validate(document, schema())


def test_the_dockerfile_passes_its_linter() -> None:
    checked = hadolint(DOCKERFILE.read_text())
    assert checked.returncode == 0, checked.stdout


def test_a_dockerfile_that_installs_without_a_tag_would_not_pass() -> None:
    assert "DL3006" in hadolint("FROM debian\n").stdout


def test_images_are_built_from_files_that_exist_and_are_sent() -> None:
    copied = {
        source
        for instructions in stages().values()
        for line in instructions
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert {source.partition("/")[0] for source in copied} == sent
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


# ------------------------------------------------------------------------- secrets


def test_compose_refuses_to_start_without_secrets_and_says_where_to_look() -> None:
    with pytest.raises(Unset, match=r"docs/deployment\.md"):
        filled(COMPOSE.read_text(), {})


def test_every_secret_comes_from_a_file_that_has_no_default() -> None:
    document = yaml.safe_load(COMPOSE.read_text())
    for name, secret in document["secrets"].items():
        assert re.fullmatch(rf"\${{LABELAUDIT_SECRETS:\?[^}}]+}}/{name}", secret["file"])


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_an_environment(name: str) -> None:
    definition = service(name)
    for variable, value in definition.get("environment", {}).items():
        if re.search("PASSWORD|SECRET|TOKEN|URL", variable):
            assert variable.endswith("_FILE")
            assert str(value).removeprefix("/run/secrets/") in definition["secrets"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_ours_is_a_setting(name: str) -> None:
    variables = service(name)["environment"]
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert {variable.removesuffix("_FILE") for variable in variables} <= known
    Settings.model_validate({"device": variables.get("LABELAUDIT_DEVICE", "auto")})


def test_the_documented_commands_make_the_secrets_that_compose_wants(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text()
    script = next(
        block for block in re.findall(r"```sh\n(.*?)```", guide, re.S) if "umask" in block
    )
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, "-euc", script], cwd=tmp_path, check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(compose()["secrets"])
    database, broker = make_url(made["database_url"]), make_url(made["redis_url"])
    assert database.password == made["postgres_password"]
    app = make_url(made["app_database_url"])
    assert app.username != database.username
    assert app.password not in (None, database.password, broker.password)
    assert app.set(username=database.username, password=database.password) == database
    assert made["redis_config"] == f"requirepass {broker.password}\n"
    assert broker.password != database.password
    assert len(made["postgres_password"]) == 48
    postgres = service("postgres")["environment"]
    assert (database.username, database.database) == (
        postgres["POSTGRES_USER"],
        postgres["POSTGRES_DB"],
    )
    assert {database.host, broker.host} <= set(compose()["services"])


def test_settings_read_the_secret_files_that_compose_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, path in service("service")["environment"].items():
        if variable.endswith("_FILE"):
            local = tmp_path / Path(path).name
            local.write_text(f"scheme://{local.name}\n")
            monkeypatch.setenv(variable, str(local))
    settings = Settings()
    assert settings.database_url == "scheme://app_database_url"
    assert settings.redis_url == "scheme://redis_url"
    assert not settings.embedded


# ------------------------------------------------------------------------- hardening


@pytest.mark.parametrize("name", SERVICES)
def test_containers_cannot_write_their_images_or_gain_rights(name: str) -> None:
    definition = service(name)
    assert definition["read_only"] is True
    assert definition["cap_drop"] == ["ALL"]
    assert definition["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in definition


@pytest.mark.parametrize("name", OURS)
def test_our_containers_need_no_right_at_all_and_run_as_nobody_in_particular(name: str) -> None:
    definition = service(name)
    assert "cap_add" not in definition
    target = definition["build"]["target"]
    users = [
        line for stage in lineage(target) for line in stages()[stage] if line.startswith("USER")
    ]
    assert users == ["USER 10001:10001"]


def test_only_the_service_is_published_and_only_on_this_machine_unless_told_otherwise() -> None:
    published = {
        name: one["ports"] for name, one in compose()["services"].items() if "ports" in one
    }
    assert published == {"service": ["127.0.0.1:8321:8321"]}
    assert service("service", LABELAUDIT_PORT="80")["ports"] == ["127.0.0.1:80:8321"]
    assert compose()["networks"]["inside"] == {"internal": True}
    for name in {*SERVICES} - {"service"}:
        assert service(name)["networks"] == ["inside"]


def test_the_service_image_holds_no_torch() -> None:
    extras = {
        stage
        for stage, lines in stages().items()
        if "optional-dependencies" in " ".join(lines) and '"worker"' in " ".join(lines)
    }
    assert extras == {"worker-dependencies"}
    assert extras.isdisjoint(lineage("service"))
    assert extras <= set(lineage("worker"))


# ------------------------------------------------------------------------- starting, stopping


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_can_be_waited_for(name: str) -> None:
    for other, how in service(name).get("depends_on", {}).items():
        definition = service(other)
        match how["condition"]:
            case "service_healthy":
                assert "test" in definition["healthcheck"]
            case "service_completed_successfully":
                assert definition["restart"] == "no"
            case condition:
                pytest.fail(f"{name} does not wait for {other}: {condition}")


@pytest.mark.parametrize("name", sorted({*SERVICES} - {"migrate"}))
def test_everything_that_stays_up_has_a_health_check_and_is_restarted(name: str) -> None:
    definition = service(name)
    assert definition["restart"] == "unless-stopped"
    if "healthcheck" not in definition:
        lines = stages()[definition["build"]["target"]]
        assert [line for line in lines if line.startswith("HEALTHCHECK")]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_time_to_give_its_job_back(name: str) -> None:
    assert int(service(name)["stop_grace_period"].removesuffix("s")) >= 30


def test_every_queue_has_a_worker_with_and_without_a_gpu() -> None:
    def queues(name: str, **variables: str) -> set[str]:
        command = service(name, **variables)["command"]
        return {command[i + 1] for i, word in enumerate(command) if word == "--queue"}

    assert queues("worker-cpu") == set(Queue)
    left_to_gpus = queues("worker-cpu", LABELAUDIT_CPU_WORKER_ALSO="cpu")
    assert left_to_gpus | queues("worker-gpu") == set(Queue)
    assert left_to_gpus.isdisjoint(queues("worker-gpu"))
    assert service("worker-gpu")["profiles"] == ["gpu"]


def test_redis_never_evicts_and_keeps_an_append_only_file() -> None:
    command = service("redis")["command"]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"
    assert options["--dir"] == service("redis")["volumes"][0].partition(":")[2]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_workers_health_check_sees_an_open_connection_to_the_broker(private_redis: str) -> None:
    line = next(line for line in stages()["worker"] if line.startswith("HEALTHCHECK"))
    check = re.findall(r'"([^"]+)"', line)
    port = make_url(private_redis).port
    assert port is not None
    assert check[2] == f":{6379:04X} 01 "
    check[2] = f":{port:04X} 01 "
    assert subprocess.run(check, check=False).returncode == 1
    with redis.Redis.from_url(private_redis) as client:
        client.ping()
        assert subprocess.run(check, check=False).returncode == 0


@pytest.mark.parametrize("name", [name for name in OURS if name != "migrate"])
def test_only_migrate_knows_the_password_of_the_tables_owner(name: str) -> None:
    assert "database_url" not in service(name)["secrets"]
    assert "database_url" in service("migrate")["secrets"]
