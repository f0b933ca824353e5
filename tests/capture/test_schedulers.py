"""Is what Slurm and cron start recorded rightly? Their own daemons run here, each with settings of its own
(Debian's packages `slurm-wlm`, `munge` and `cron`)."""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from capture.test_where_it_runs import lineage, until, with_commands
from capture.workspace import Workspace, environment
from manual.pages import left_to

from provgraph.model.records import RunEnded, RunStarted

PAGE = "docs/where-it-runs.md"
SBIN = os.pathsep.join(["/usr/sbin", "/sbin", os.environ.get("PATH", os.defpath)])
SETTINGS = """ClusterName=one
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmctldPort={control}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/control.pid
SlurmdPidFile={folder}/node.pid
SlurmctldLogFile={folder}/control.log
SlurmdLogFile={folder}/node.log
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@contextmanager
def daemon(*command: str | Path) -> Iterator[None]:
    """A program that runs until the end of the block."""
    own = {**environment(), "PATH": SBIN}
    process = subprocess.Popen(command, env=own, stdin=-3, stdout=-3, stderr=-3)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """Slurm's settings: it runs on this host, with four processors, whatever it has."""
    import pwd

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
        folder.chmod(0o755)
        (folder / "state").mkdir()
        (folder / "key").write_bytes(secrets.token_bytes(1024))
        (folder / "key").chmod(0o600)
        settings = folder / "slurm.conf"
        settings.write_text(
            SETTINGS.format(
                folder=folder,
                host=os.uname().nodename.partition(".")[0],
                user=pwd.getpwuid(os.getuid()).pw_name,
                control=free_port(),
                node=free_port(),
            )
        )
        munge = folder / "munge"
        files = [f"--{name}={munge}.{name[:-5]}" for name in ("pid-file", "log-file", "seed-file")]
        own = [f"--key-file={folder / 'key'}", f"--socket={munge}.socket"]
        stack.enter_context(daemon("munged", "--foreground", "--force", *own, *files))
        until((folder / "munge.socket").exists)
        stack.enter_context(daemon("slurmctld", "-D", "-f", settings))
        stack.enter_context(daemon("slurmd", "-D", "-f", settings))
        until(lambda: "idle" in asked(settings, "sinfo", "--noheader", "--format=%T"))
        yield settings


def asked(settings: Path, *command: str) -> str:
    own = {**environment(), "SLURM_CONF": str(settings)}
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    return done.stdout


def test_a_job_of_slurm_records_its_steps_and_each_task_of_its_array(
    workspace: Workspace, tmp_path: Path, slurm: Path
) -> None:
    """The two scripts of the page, submitted one after the other."""
    root = workspace.root
    for number in range(3):
        (root / f"in{number}.csv").write_text(f"{number}\n")
    job, array, ignore = left_to(__file__, PAGE)
    (root / "job.sh").write_text(job)
    (root / "array.sh").write_text(array)
    subprocess.run(["sh", "-ec", ignore], cwd=root, check=True)
    own = with_commands(workspace, tmp_path) | {"SLURM_CONF": str(slurm)}
    first = subprocess.check_output(
        ["sbatch", "--parsable", "array.sh"], cwd=root, env=own, text=True
    )
    after = f"--dependency=afterok:{first.strip()}"
    subprocess.run(["sbatch", after, "job.sh"], cwd=root, env=own, check=True)
    until(lambda: not asked(slurm, "squeue", "--noheader").strip())
    logs = {path.name: path.read_text() for path in root.glob("slurm-*.out")}
    assert [text for text in logs.values() if text] == [], logs
    parts = {f"{kind}{number}.csv" for number in range(3) for kind in ("in", "part")}
    assert lineage(workspace, "result.csv") == parts | {"merged.csv", "sum0.csv", "sum1.csv"}
    assert lineage(workspace, "part1.csv") == {"in1.csv"}
    assert {r.verdict: r.gaps for r in workspace.all(RunEnded)} == {"complete": []}
    tags = {r.properties.get("tag.task") for r in workspace.all(RunEnded)} - {None}
    assert {str(tag) for tag in tags} == {"0", "1", "2"}


def test_a_run_around_srun_has_its_tasks_and_says_that_slurm_was_not_seen(
    workspace: Workspace, slurm: Path
) -> None:
    for number in range(2):
        (workspace.root / f"in{number}").write_text(f"{number}\n")
    task = "sort in$SLURM_PROCID > out$SLURM_PROCID; exit $SLURM_PROCID"
    done = workspace.run(
        "srun", "-n2", "sh", "-c", task, env={**workspace.environment, "SLURM_CONF": str(slurm)}
    )
    assert done.returncode == 1, done.stderr
    for number in range(2):
        assert f"in{number}" in lineage(workspace, f"out{number}")
    assert workspace.ended.verdict == "incomplete"
    assert any("munge.socket" in gap for gap in workspace.ended.gaps)


def test_what_a_job_does_after_the_run_that_submitted_it_is_not_that_run_s(
    workspace: Workspace, slurm: Path
) -> None:
    """The job has the environment of that run, which is over. What it records itself is whole."""
    (workspace.root / "a").write_text("x\n")
    inner = workspace.shell("sh", "-c", "sort a > b")
    own = {**workspace.environment, "SLURM_CONF": str(slurm)}
    submit = ["sbatch", "--output=/dev/null", "--wrap", f"sleep 1; sort a > c; {inner}"]
    done = workspace.run(*submit, env=own)
    assert done.returncode == 0, done.stderr
    workspace.records()
    until(lambda: not asked(slurm, "squeue", "--noheader").strip())
    assert lineage(workspace, "b") == {"a"}
    started = {record.run: record.argv[0] for record in workspace.all(RunStarted)}
    verdicts = {started[r.run]: r.verdict for r in workspace.all(RunEnded)}
    assert verdicts == {"sbatch": "incomplete", "sh": "complete"}
    assert "c" not in workspace.generated()


def test_cron_starts_a_run(workspace: Workspace, tmp_path: Path) -> None:
    """In a namespace of its own, where it has this job alone, and a boot before it."""
    (workspace.root / "a").write_text("x\n")
    (workspace.root / "slow.sh").write_text("sleep 1; sort a > b\n")
    folder = shlex.quote(str(workspace.root))
    log = shlex.quote(str(tmp_path / "log"))
    line = f"cd {folder} && {workspace.shell('sh', 'slow.sh')} > {log} 2>&1; echo $? > {log}.end"
    (tmp_path / "job").write_text(f"@reboot root {line}\n")
    script = f"""
        for place in /etc/cron.d /var/spool/cron /run; do
            mount -t tmpfs -o mode=0755 none $place
        done
        mkdir -p /var/spool/cron/crontabs
        mount --bind /dev/null /etc/crontab
        cp {shlex.quote(str(tmp_path / "job"))} /etc/cron.d/job
        chmod 600 /etc/cron.d/job
        exec cron -f"""
    with daemon("unshare", "--mount", "sh", "-ec", script):
        until_in_a_minute(tmp_path / "log.end")
    assert ((tmp_path / "log").read_text(), (tmp_path / "log.end").read_text()) == ("", "0\n")
    assert lineage(workspace, "b") == {"a"}
    assert workspace.ended.verdict == "complete", workspace.ended.gaps


def until_in_a_minute(file: Path) -> None:
    end = time.monotonic() + 60
    until(lambda: file.exists() or time.monotonic() > end)
