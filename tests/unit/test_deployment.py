"""The manifests in docs/deployment: they can be read, they fit together, and their numbers add up."""

import json
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from click.testing import CliRunner

from loafer.entrypoints.cli import cli
from loafer.entrypoints.settings.table import KEYS, Settings
from loafer.entrypoints.worker.deadline import WORKER

FOLDER = Path(__file__).parent.parent.parent / "docs" / "deployment"
STOP = round(WORKER + 1)
"""Seconds beyond the grace period that a stop takes at most."""


def manifests(name: str) -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def service() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(FOLDER / "loafer.service")
    return parser


def test_every_file_is_shown_on_the_page() -> None:
    page = (FOLDER / "index.md").read_text()
    for file in FOLDER.iterdir():
        assert file.name == "index.md" or f"```{{literalinclude}} {file.name}\n" in page


def test_the_deployment_selects_its_pods_and_mounts_what_it_names() -> None:
    [deployment] = manifests("kubernetes.yaml")
    assert (deployment["apiVersion"], deployment["kind"]) == ("apps/v1", "Deployment")
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    [container] = template["spec"]["containers"]
    mounts = {each["name"] for each in container["volumeMounts"]}
    assert mounts == {each["name"] for each in template["spec"]["volumes"]}
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_pods_get_the_time_that_a_stop_takes_and_probes_ask_for_what_there_is() -> None:
    pod = manifests("kubernetes.yaml")[0]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    environ = {each["name"]: each["value"] for each in container["env"]}
    assert {name for name in environ if name.startswith("LOAFER_")} <= set(KEYS)
    assert pod["terminationGracePeriodSeconds"] >= float(environ["LOAFER_GRACE_PERIOD"]) + STOP
    port = environ["LOAFER_STATUS"].rpartition(":")[2]
    assert [str(each["containerPort"]) for each in container["ports"]] == [port]
    asked = [container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")]
    assert asked == ["/readyz", "/livez"]
    assert container["readinessProbe"]["exec"]["command"] == ["loafer", "status"]


def test_the_scaler_is_for_the_deployment() -> None:
    authentication, scaler = manifests("keda.yaml")
    assert [authentication["kind"], scaler["kind"]] == ["TriggerAuthentication", "ScaledObject"]
    [deployment] = manifests("kubernetes.yaml")
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    [trigger] = scaler["spec"]["triggers"]
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert trigger["metadata"]["awsRegion"] in trigger["metadata"]["queueURL"]


def test_the_task_definition_is_one_that_ecs_takes() -> None:
    task = json.loads((FOLDER / "ecs-task.json").read_text())
    model = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    report = ParamValidator().validate(task, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    [container] = task["containerDefinitions"]
    environ = {each["name"]: each["value"] for each in container["environment"]}
    assert {name for name in environ if name.startswith("LOAFER_")} <= set(KEYS)
    assert 120 >= container["stopTimeout"] >= float(environ["LOAFER_GRACE_PERIOD"]) + STOP
    assert [each["sourceVolume"] for each in container["mountPoints"]] == [each["name"] for each in task["volumes"]]


def test_the_image_runs_a_command_as_a_user_without_rights() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    said = dict(re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE))
    assert json.loads(said["ENTRYPOINT"]) == ["loafer"]
    assert json.loads(said["CMD"]) == ["run", "shop:app"]
    assert said["USER"] == "10001:10001"
    probe = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert CliRunner().invoke(cli, [*probe[1:], "--help"]).exit_code == 0
    task = json.loads((FOLDER / "ecs-task.json").read_text())["containerDefinitions"][0]
    assert said["VOLUME"] == task["mountPoints"][0]["containerPath"]
    assert task["healthCheck"]["command"] == ["CMD", *probe]


def test_the_unit_gives_a_start_and_a_stop_the_time_that_they_take() -> None:
    unit = service()["Service"]
    environ = dict(each.split("=") for each in unit["Environment"].split())
    assert {name for name in environ if name.startswith("LOAFER_")} <= set(KEYS)
    assert float(unit["TimeoutStopSec"]) >= float(environ["LOAFER_GRACE_PERIOD"]) + STOP
    assert float(unit["TimeoutStartSec"]) > Settings().start_timeout
    assert environ["XDG_RUNTIME_DIR"] == f"/run/{unit['RuntimeDirectory']}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = (FOLDER / "loafer.service").read_text()
    here = Path(sys.executable).parent / "loafer"
    (tmp_path / "shop.service").write_text(text.replace("/srv/shop/venv/bin/loafer", str(here)))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "shop.service")]
    environ = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "shop.service" in line]
    assert (done.returncode, ours) == (0, [])
