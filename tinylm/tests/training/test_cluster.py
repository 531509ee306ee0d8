import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import dask
import pytest
from clusters import joined, serving
from pooled import LINEAR, LONG, PLANNED, outcome
from synthetic import planned

from tinylm import data, files
from tinylm.config import TrainConfig
from tinylm.ledger import Ledger
from tinylm.training import cluster, loop, pool

STEPS = TrainConfig(steps=4000, n_evals=3, batch_size=4, eval_tokens=50)
RUNS = [planned("Linear", dataclasses.replace(LINEAR, train=STEPS, seed=seed)) for seed in range(4)] + PLANNED[2:]


@pytest.fixture
def on(settings):
    return dataclasses.replace(settings, workers=0)


def test_every_record_arrives_once_though_a_worker_is_killed(on, tmp_path):
    killed, done = [], []
    with serving(tmp_path, 2) as (address, workers):
        executor = joined(cluster.Cluster(address, "auto"), 2)
        names = {at: int(worker["name"]) for at, worker in executor.workers.items()}

        def kill_one(run, now):
            busy = {at: keys for at, keys in executor._client.processing().items() if keys and names[at] == 0}
            if busy and not killed:
                killed.extend(*busy.values())
                workers[0].kill()

        assert pool.train_all(RUNS, on, lambda run, record: done.append(run.spec.key), kill_one, executor) == []
    assert workers[0].wait() == -signal.SIGKILL and killed[0].split("-")[0] in done
    assert sorted(done) == sorted(run.spec.key for run in RUNS)
    found = Ledger([on.folder])
    for run in RUNS[:4]:
        assert outcome(found.find(run.spec)) == outcome(loop.train(run.spec, data.load("grammar-word")))
        assert found.find(run.spec).environment["threads"] == "1"
    assert found.find(RUNS[4].spec) is not None
    assert {path.stem for path in on.weights.iterdir()} == {run.spec.key for run in RUNS[:4]}


def test_a_stop_is_heard_and_the_state_stays_with_the_worker(on, tmp_path):
    with serving(tmp_path, 1) as (address, _):
        executor = joined(cluster.Cluster(address, "cpu"), 1)
        heard = []

        def stop(run, now):
            heard.append(now.step)
            executor.stopping.set()

        assert pool.train_all([LONG, *RUNS[:2]], on, lambda run, record: pytest.fail("it was stopped"), stop, executor) == [LONG, *RUNS[:2]]
        assert heard and (tmp_path / "worker0" / "checkpoints" / f"{LONG.spec.key}.safetensors").exists()


DRIVER = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from pooled import LONG
from tinylm.training import cluster, machine, pool
home = Path(sys.argv[3])
on = machine.Settings(folder=home / "ledger", checkpoints=home / "checkpoints", weights=home / "weights")
pool.train_all([LONG], on, print, lambda run, now: print("begun", flush=True), cluster.Cluster(sys.argv[2], "cpu"))
"""


def test_a_run_whose_driver_is_killed_saves_its_state_and_ends(tmp_path):
    with serving(tmp_path, 1) as (address, _):
        helpers = str(files.ROOT / "tinylm" / "tests" / "helpers")
        command = [sys.executable, "-c", DRIVER, helpers, address, str(tmp_path / "driver")]
        environment = os.environ | {"PYTHONPATH": str(files.ROOT)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as driver:
            assert driver.stdout.readline() == b"begun\n"
            driver.kill()
        for _ in range(300):
            if (tmp_path / "worker0" / "checkpoints" / f"{LONG.spec.key}.safetensors").exists():
                return
            time.sleep(0.1)
        pytest.fail("the run goes on though nobody waits for it")


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes certificates")
def test_a_cluster_with_certificates_lets_only_those_in_who_have_one(on, tmp_path):
    ca, key, cert = (tmp_path / name for name in ("ca.pem", "key.pem", "cert.pem"))
    make = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "1", "-subj", "/CN=mine"]
    subprocess.run([*make, "-keyout", key, "-out", cert], check=True, capture_output=True)
    shutil.copy(cert, ca)
    flags = ["--tls-ca-file", str(ca), "--tls-cert", str(cert), "--tls-key", str(key)]
    with serving(tmp_path, 1, *flags, protocol="tls") as (address, _):
        assert address.startswith("tls://127.0.0.1:")
        with pytest.raises(cluster.ClusterError, match=r"needs certificates: configure Dask's distributed\.comm\.tls, docs/cluster\.md"):
            cluster.Cluster(address, "cpu")
        mine = {"ca-file": str(ca), "client": {"cert": str(cert), "key": str(key)}}
        done = []
        with dask.config.set({f"distributed.comm.tls.{name}": value for name, value in mine.items()}):
            executor = joined(cluster.Cluster(address, "cpu"), 1)
            assert pool.train_all(PLANNED[:1], on, lambda run, record: done.append(run), executor=executor) == [] and done == PLANNED[:1]


ADDRESSES = {
    "tcp://10.0.0.1:8786": "is not encrypted, and a scheduler runs whatever it is sent; give tls://10.0.0.1:8786",
    "tcp://127.0.0.1.example.org:1": "is not encrypted",
    "tcp://localhost.example.org:1": "is not encrypted",
    "tls://host": "is no address of a cluster; give tls://HOST:PORT",
    "ws://127.0.0.1:80": "is no address",
    "tls://host:99999": "is no address",
    "inproc://1/2": "is no address",
    "": "is no address",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_other_address_is_taken(address):
    with pytest.raises(cluster.ClusterError, match=ADDRESSES[address]):
        cluster.checked(address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "tls://10.0.0.1:8786", "tls://a.b:1"])
def test_loopback_may_be_plain_and_others_encrypted(address):
    assert cluster.checked(address) == address


def test_nobody_there_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    with pytest.raises(cluster.ClusterError, match=r"no cluster answers at tcp://127\.0\.0\.1:9 .*; start its scheduler"):
        cluster.Cluster("tcp://127.0.0.1:9", "cpu")


def test_a_gpu_is_a_resource_of_workers():
    plain, gpu = {"a": {"resources": {}}}, {"a": {"resources": {}}, "b": {"resources": {"GPU": 1}}}
    found = {
        (asked, name): cluster._device(asked, workers) for asked in ("auto", "cpu") for name, workers in (("plain", plain), ("gpu", gpu))
    }
    assert found == {("auto", "plain"): "cpu", ("auto", "gpu"): "cuda", ("cpu", "plain"): "cpu", ("cpu", "gpu"): "cpu"}
    assert cluster._device("cuda", gpu) == "cuda"
    with pytest.raises(cluster.ClusterError, match="no worker of the cluster has a GPU; start one with --resources GPU=1"):
        cluster._device("cuda", plain)


class Worker:
    address = "tcp://w:1"


OTHERS = {
    "code": r"the worker tcp://w:1 is another: tinylm .*, code \w+, PyTorch .* there, old here; install the same release on both",
    "corpus": r"the text of grammar-word on the worker tcp://w:1 is another: \w+ there, old here; give both the same text",
}


@pytest.mark.parametrize(("name", "says"), OTHERS.items())
def test_another_code_or_text_is_refused_with_both_sides(monkeypatch, name, says):
    monkeypatch.setattr(cluster.distributed, "get_worker", Worker)
    spec = PLANNED[0].spec
    job = {"spec": cluster.to_dict(spec), "corpus": data.info(spec.corpus).sha256, "code": cluster.code_version(), "device": "cpu"}
    with pytest.raises(cluster.ClusterError, match=says):
        cluster.train_job(0, job | {name: "old"}, "topic")


def test_reports_between_validations_are_as_rare_as_a_watcher_needs():
    sent = []

    class Logs:
        def log_event(self, topic, message):
            sent.append(cluster._report(json.loads(json.dumps(message))))

    reports = cluster._Reports(Logs(), "topic")
    now = loop.Progress(step=1, num_steps=9, tokens_seen=1, flops=1, seconds=1.0, train_nll=1.0, valid_nll=None)
    for found in (now, now, dataclasses.replace(now, valid_nll=2.0), "a warning", dataclasses.replace(now, step=9)):
        reports.put((3, found))
    assert sent == [(3, now), (3, dataclasses.replace(now, valid_nll=2.0)), (3, "a warning"), (3, dataclasses.replace(now, step=9))]
