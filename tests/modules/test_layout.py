"""The modules as their collections want them (scripts/modules): what belongs where, and in which words."""

import subprocess

import pytest
import yaml

from support.relay import REPOSITORY

MODULE = "mod_muc_invite_relay"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    subprocess.run([REPOSITORY / "scripts/modules", folder], check=True)
    return folder


def files(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_prosody_modules_has_a_page_with_front_matter(folder):
    folder = folder / "prosody-modules" / MODULE
    assert files(folder) == ["README.md", f"{MODULE}.lua"]
    front, page = (folder / "README.md").read_text().removeprefix("---\n").split("...\n", 1)
    front = yaml.safe_load(front)
    assert front["labels"] == ["Stage-Beta"]
    assert front["summary"]
    lua = (folder / f"{MODULE}.lua").read_text()
    for option in ("muc_invite_relay", "muc_invite_relay_timeout"):
        assert f"`{option}`" in page
        assert f'"{option}"' in lua


def test_ejabberd_contrib_has_specification_source_and_example(folder):
    folder = folder / "ejabberd-contrib" / MODULE
    assert files(folder) == ["README.md", f"conf/{MODULE}.yml", f"{MODULE}.spec", f"src/{MODULE}.erl"]
    specification = yaml.safe_load((folder / f"{MODULE}.spec").read_text())
    assert {"author", "category", "summary", "home"} <= set(specification)
    example = yaml.safe_load((folder / f"conf/{MODULE}.yml").read_text())
    page = (folder / "README.md").read_text()
    for option in [*example["modules"][MODULE], "timeout", "access"]:
        assert f"`{option}: " in page
