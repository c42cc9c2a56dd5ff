"""What the manifests say is what the image and the settings offer."""

import configparser
import re

import pytest
import yaml

from runbell.ops.console.console import SHORTEST_TOKEN
from runbell.ops.sentences import EXIT_CODES
from runbell.ops.settings import PREFIX, Settings
from support.commands import explained
from support.house import ROOT

FOLDER = ROOT / "docs" / "deploying"
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
# Between the grace period and being killed.
SPARE_SECONDS = 5


def documents(name):
    return list(yaml.safe_load_all((FOLDER / "kubernetes" / name).read_text()))


def kind(name):
    return next(one for one in documents("runbell.yaml") if one["kind"] == name)


def pods():
    yield kind("Deployment")["spec"]["template"]["spec"]
    yield documents("migrate.yaml")[0]["spec"]["template"]["spec"]


def container():
    (found,) = kind("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def variables(given):
    return {one["name"]: one.get("value") for one in given["env"]}


def image():
    """What the Dockerfile says: the user, the port, the variables."""
    text = (ROOT / "Dockerfile").read_text()
    user = int(re.search(r"--uid (\d+)", text)[1])
    port = int(re.search(r"^EXPOSE (\d+)$", text, re.MULTILINE)[1])
    return user, port, dict(re.findall(r"(RUNBELL_\w+)=(\S+)", text))


@pytest.mark.parametrize("name", ["runbell.yaml", "migrate.yaml"])
def test_each_document_names_its_kind_and_itself(name):
    for one in documents(name):
        assert {"apiVersion", "kind", "metadata"} <= set(one)
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", one["metadata"]["name"])


@pytest.mark.parametrize("pod", list(pods()), ids=["serve", "migrate"])
def test_pods_need_nothing_that_a_careful_cluster_refuses(pod):
    user, _, _ = image()
    secure = pod["securityContext"]
    assert (secure["runAsNonRoot"], secure["runAsUser"]) == (True, user)
    assert secure["seccompProfile"]["type"] == "RuntimeDefault"
    for one in pod["containers"]:
        own = one["securityContext"]
        assert own == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(one["resources"]["requests"]) == {"cpu", "memory"}
        assert "cpu" not in one["resources"]["limits"]


@pytest.mark.parametrize("pod", list(pods()), ids=["serve", "migrate"])
def test_they_set_settings_that_there_are_and_mount_what_these_name(pod):
    volumes = {volume["name"] for volume in pod["volumes"]}
    for one in pod["containers"]:
        assert set(variables(one)) <= SETTINGS
        mounts = {mount["mountPath"] for mount in one["volumeMounts"]}
        assert {mount["name"] for mount in one["volumeMounts"]} == volumes
        files = [value for name, value in variables(one).items() if name.endswith("_FILE")]
        assert files
        assert all(path.rpartition("/")[0] in mounts for path in files)


@pytest.mark.parametrize("name", ["runbell.yaml", "migrate.yaml"])
def test_the_secrets_are_made_with_the_keys_that_are_mounted(name):
    text = (FOLDER / "kubernetes" / name).read_text()
    made = dict(
        re.findall(r"create secret generic (\S+) ((?:.|\n#)*?--from-literal=.*(?:\n#.*--from-literal=.*)*)", text)
    )
    for one in documents(name):
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        for volume in pod.get("volumes", ()):
            given = made[volume["secret"]["secretName"]]
            (main,) = pod["containers"]
            for variable, path in variables(main).items():
                assert not variable.endswith("_FILE") or f"--from-literal={path.rpartition('/')[2]}=" in given


def test_the_token_that_is_made_is_long_enough():
    text = (FOLDER / "kubernetes" / "runbell.yaml").read_text()

    assert 2 * int(re.search(r"openssl rand -hex (\d+)", text)[1]) >= SHORTEST_TOKEN


@pytest.mark.parametrize("pod", list(pods()), ids=["serve", "migrate"])
def test_they_run_commands_with_options_that_there_are(pod):
    for one in pod["containers"]:
        command, *rest = one["args"]
        said = explained(command).stdout
        assert all(word in said for word in rest if word.startswith("--"))


def test_probes_ask_what_is_answered_where_it_is_answered():
    _, port, set_by_image = image()
    (given,) = container()["ports"]
    assert given == {"name": "http", "containerPort": port}
    assert set_by_image["RUNBELL_HTTP_PORT"] == str(port)
    paths = {name: container()[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}

    # Restarting brings no database back: living must not depend on it.
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert {container()[name]["httpGet"]["port"] for name in paths} == {"http"}


def test_a_rollout_and_a_drained_node_leave_one_replica_at_work():
    spec, budget = kind("Deployment")["spec"], kind("PodDisruptionBudget")["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert 1 <= budget["minAvailable"] < spec["replicas"]


def test_everything_means_the_same_pods():
    labels = kind("Deployment")["spec"]["template"]["metadata"]["labels"]

    assert kind("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert kind("Service")["spec"]["selector"] == labels
    (spread,) = kind("Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels
    assert (
        kind("Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
        == kind("ServiceAccount")["metadata"]["name"]
    )
    assert documents("migrate.yaml")[0]["spec"]["template"]["metadata"]["labels"] != labels


def test_draining_is_never_cut_short():
    grace = float(variables(container())["RUNBELL_SHUTDOWN_GRACE_SECONDS"])

    assert kind("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= grace + SPARE_SECONDS


def test_a_worker_is_replaced_before_the_pod_is_killed():
    workers = 2
    limit = container()["resources"]["limits"]["memory"]

    assert limit == "1Gi"
    assert int(variables(container())["RUNBELL_WORKER_MEMORY_MB"]) * 1.5 * workers < 1024


def test_figures_are_where_prometheus_is_told_to_ask():
    notes = kind("Deployment")["spec"]["template"]["metadata"]["annotations"]

    assert notes == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(image()[1]),
        "prometheus.io/path": "/metrics",
    }


def unit():
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str
    text = (FOLDER / "systemd" / "runbell.service").read_text()
    # One name may stand several times, which a parser of settings does not keep.
    set_there = dict(
        line.partition("=")[2].split("=", 1) for line in text.splitlines() if line.startswith("Environment=")
    )
    parser.read_string(text)
    return parser["Service"], set_there


def test_the_unit_sets_settings_that_there_are():
    service, set_there = unit()

    assert set(set_there) <= SETTINGS
    assert set_there["RUNBELL_DATABASE_URL_FILE"] == f"%d/{service['LoadCredential'].partition(':')[0]}"
    assert service["ExecStart"].split()[1:] == ["serve"]


def test_the_unit_waits_for_draining_and_does_not_repeat_what_stays_wrong():
    service, set_there = unit()

    assert float(service["TimeoutStopSec"]) >= float(set_there["RUNBELL_SHUTDOWN_GRACE_SECONDS"]) + SPARE_SECONDS
    assert service["KillMode"] == "mixed"
    lasting = {code for code in EXIT_CODES.values() if code != 4}
    assert set(map(int, service["RestartPreventExitStatus"].split())) == lasting


def test_compose_waits_for_draining_too():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    default = Settings.model_fields["shutdown_grace_seconds"].default

    assert float(compose["services"]["runbell"]["stop_grace_period"].removesuffix("s")) >= default + SPARE_SECONDS
