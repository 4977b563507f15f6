"""config/compose.yaml configures the relay as the relay understands it."""

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
