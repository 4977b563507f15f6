"""The Compose files in config/ configure the relay as the relay understands it. No container is run."""

import os
import subprocess
from pathlib import Path

import yaml

from support.relay import BINARY, REPOSITORY


def test_the_relay_understands_its_environment(tmp_path):
    compose = yaml.safe_load((REPOSITORY / "config/compose.yaml").read_text())
    relay, prosody = compose["services"]["relay"], compose["services"]["prosody"]
    secret = tmp_path / "relay-secret"
    secret.write_text("a secret for the tests\n")
    secret.chmod(0o600)
    given = relay["environment"]["MUC_INVITE_RELAY__COMPONENT__SECRET_FILE"]
    assert Path(given).name in relay["secrets"]
    assert set(relay["networks"]) < set(prosody["networks"])
    assert all((REPOSITORY / "config" / folder).exists() for folder in [relay["build"]])

    environment = {**os.environ, **relay["environment"], "MUC_INVITE_RELAY__COMPONENT__SECRET_FILE": str(secret)}
    for command in (["check", "--offline"], ["setup", "prosody"]):
        done = subprocess.run([BINARY, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
    assert 'component_interfaces = { "<the IP address of prosody' in done.stdout, "the file says what to write there"


def test_both_relays_of_a_cluster_understand_theirs(tmp_path):
    compose = yaml.safe_load((REPOSITORY / "config/compose-cluster.yaml").read_text())
    services = compose["services"]
    relays = {name: services[name] for name in ("relay-a", "relay-b")}
    [relay, other] = relays.values()
    # One journal, and one configuration; a name and a socket of its own each.
    url = "MUC_INVITE_RELAY__JOURNAL__URL"
    assert set(relay["environment"][url].split(",")) == set(other["environment"][url].split(","))
    assert relay["environment"] == other["environment"] | {url: relay["environment"][url]}
    assert all(service["hostname"] == name for name, service in relays.items())
    assert relay["volumes"] != other["volumes"]

    def hosts(key):
        addresses = relay["environment"][f"MUC_INVITE_RELAY__{key}"].split(",")
        return [address.rpartition("@")[2].partition("/")[0].partition(":")[0] for address in addresses]

    for name in hosts("COMPONENT__SERVERS") + hosts("JOURNAL__URL"):
        assert set(services[name]["networks"]) & set(relay["networks"]), f"{name} can't be reached"
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert {config["source"] for config in service.get("configs", [])} <= set(compose["configs"])

    environment = dict(relay["environment"])
    held = {"relay-secret": "a secret for the tests", "journal-key": os.urandom(32).hex()}
    for key, value in relay["environment"].items():
        if value.startswith("/run/secrets/"):
            name = Path(value).name
            assert name in relay["secrets"]
            file = tmp_path / name
            file.touch(0o600)
            file.write_text(held.get(name, "") + "\n")
            environment[key] = str(file)
    environment = {**os.environ, **environment}
    done = subprocess.run([BINARY, "setup", "ejabberd"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    for name in hosts("COMPONENT__SERVERS"):
        assert f"{name}:5347: {{port: 5347" in done.stdout
    assert "<the same: postgres-a/relay, postgres-b/relay>" in done.stdout
