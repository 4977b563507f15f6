"""A cluster of two nodes, of each version that has clusters.

`cluster` is shared by tests that leave both nodes as they are; `own_cluster` is for one test, which may kill its nodes and
let them hang. A stage is made for a node, `stage_on(cluster.a)`; accounts and rooms of one are there for the other.
"""

import asyncio

import pytest

from support.cluster import Cluster
from support.handover import ScriptedRelay
from support.server import Setup
from support.stage import Stage


@pytest.fixture
def timeout():
    """Seconds that the relay has for its answer. What comes within a test's patience has not waited for that."""
    return 60


@pytest.fixture
def setup(timeout):
    return Setup(hand_over=timeout)


@pytest.fixture(scope="session")
async def _clusters(pool, tmp_path_factory):
    clusters = {}

    async def shared(kind, setup):
        if (kind, setup) not in clusters:
            cluster = Cluster(kind, setup, tmp_path_factory.mktemp("clusters") / "nodes")
            await cluster.start()
            clusters[kind, setup] = cluster
        return clusters[kind, setup]

    yield shared
    await asyncio.gather(*(cluster.stop() for cluster in clusters.values()))


@pytest.fixture
async def cluster(kind, setup, _clusters, shows):
    cluster = await _clusters(kind, setup)
    for node in cluster.nodes:
        shows(node.process)
    return cluster


@pytest.fixture
async def own_cluster(kind, setup, pool, tmp_path_factory, shows):
    cluster = Cluster(kind, setup, tmp_path_factory.mktemp("clusters") / "nodes")
    await cluster.start()
    for node in cluster.nodes:
        shows(node.process)
    yield cluster
    await cluster.stop()


@pytest.fixture
async def stage_on():
    """Makes stages."""
    stages = []

    def make(node):
        stages.append(Stage(node))
        return stages[-1]

    yield make
    for stage in stages:
        await stage.empty()


@pytest.fixture
async def scripted():
    """Makes scripted relays, connected to a node; they are gone after the test."""
    made = []

    async def make(node):
        made.append(ScriptedRelay(node))
        return await made[-1].connect()

    yield make
    for relay in made:
        await relay.disconnect()
