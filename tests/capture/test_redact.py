"""Secrets are hidden wherever a command line carries them; nothing else is."""

from __future__ import annotations

import pytest

from provgraph.ingest.capture import redact

AWS = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["x", "--password=hunter2"], ["x", "--password=[redacted]"]),
        (["x", "--token", "abc"], ["x", "--token", "[redacted]"]),
        (["x", "--db.password", "-abc"], ["x", "--db.password", "[redacted]"]),
        (["x", "--token", "--verbose"], ["x", "--token", "--verbose"]),
        (["x", "-password", "abc"], ["x", "-password", "[redacted]"]),
        (["AWS_SECRET_ACCESS_KEY=abc", "x"], ["AWS_SECRET_ACCESS_KEY=[redacted]", "x"]),
        (["OPENAI_API_KEY=abc"], ["OPENAI_API_KEY=[redacted]"]),
        (
            ["/usr/bin/mysql", "-u", "ann", "-psecret"],
            ["/usr/bin/mysql", "-u", "ann", "-p[redacted]"],
        ),
        (["sshpass", "-p", "secret", "ssh", "h"], ["sshpass", "-p", "[redacted]", "ssh", "h"]),
        (["curl", "-u", "ann:pw", "http://h/"], ["curl", "-u", "[redacted]", "http://h/"]),
        (["docker", "login", "-p", "pw"], ["docker", "login", "-p", "[redacted]"]),
        (["sudo", "redis-cli", "-a", "pw"], ["sudo", "redis-cli", "-a", "[redacted]"]),
        (
            ["curl", "-H", "Authorization: Bearer abcdefghijkl"],
            ["curl", "-H", "Authorization: Bearer [redacted]"],
        ),
        (["curl", "-H", "X-Api-Key: abc"], ["curl", "-H", "X-Api-Key: [redacted]"]),
        (
            ["sh", "-c", "DB_PASSWORD='a b' ./load --token xyz; ls"],
            ["sh", "-c", "DB_PASSWORD=[redacted] ./load --token [redacted]; ls"],
        ),
        (
            ["python", "-c", "Minio('h',secure=False,secret_key='hunter2')"],
            ["python", "-c", "Minio('h',secure=False,secret_key=[redacted])"],
        ),
        (["x", AWS], ["x", "[redacted]"]),
        (["x", "--dsn", "postgres://a:b@h/d"], ["x", "--dsn", "[redacted]"]),
        (["x", "postgres://a:b@h/d"], ["x", "postgres://a:[redacted]@h/d"]),
        (
            ["git", "clone", "https://" + "t" * 20 + "@host/x"],
            ["git", "clone", "https://[redacted]@host/x"],
        ),
    ],
)
def test_a_secret_is_hidden_and_its_name_is_kept(words: list[str], kept: list[str]) -> None:
    assert redact.argv(words) == kept


@pytest.mark.parametrize(
    "words",
    [
        ["python", "train.py", "--passes", "3", "--tokens", "512", "--max_tokens", "9"],
        ["cp", "-p", "a", "b"],
        ["mkdir", "-p", "models/2024"],
        ["docker", "run", "-p", "80:80", "image"],
        ["ssh", "git@github.com:org/repo.git"],
        ["tokenize", "token", "in.txt"],
        ["make", "CC=gcc", "-j2"],
        ["python", "-c", "x = 1; print(x)"],
        ["sort", "--key", "2", "file"],
        ["awk", "{ print $1 }", "author.csv"],
    ],
)
def test_what_is_no_secret_stays(words: list[str]) -> None:
    assert redact.argv(words) == words


def test_signed_urls_lose_their_signature() -> None:
    signed = "https://b.s3.amazonaws.com/k?X-Amz-Credential=a%2Fb&X-Amz-Signature=ff&part=1"
    assert redact.url(signed) == (
        "https://b.s3.amazonaws.com/k?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&part=1"
    )


def test_redacting_twice_is_redacting_once() -> None:
    words = ["x", "--password=a", "https://u:p@h/?token=q", "API_KEY=1", "Bearer abcdefghij"]
    once = redact.argv(words)
    assert redact.argv(once) == once


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ("db:\n  password: hunter2 # ours\n", "db:\n  password: [redacted] # ours\n"),
        ("- token: a b\n- depth: 3\n", "- token: [redacted]\n- depth: 3\n"),
        ('{"token": "abc", "depth": 3}\n', '{"token": [redacted], "depth": 3}\n'),
        ("AWS_SECRET_ACCESS_KEY: abc/def\n", "AWS_SECRET_ACCESS_KEY: [redacted]\n"),
        ("auth:\n  user: ann\n", "auth:\n  user: ann\n"),
        ("tokens: 512\nauthor: ann\n", "tokens: 512\nauthor: ann\n"),
    ],
)
def test_settings_lose_their_secrets(settings: str, kept: str) -> None:
    once = redact.text(settings, settings=True)
    assert once == kept
    assert redact.text(once, settings=True) == once
