"""Every command and file of the documentation, as it prints them."""

from pathlib import Path

import pytest
from command import Shell
from endpoints import create_queue, create_topic, queue_counts, subscribe, unique

EXPORTED = """export AWS_ACCESS_KEY_ID=a-key
export AWS_SECRET_ACCESS_KEY=a-secret
export AWS_DEFAULT_REGION=sa-east-1  # for example
export LOAFER_DEFAULT_ROUTE_SOURCE=my-queue
export LOAFER_DEFAULT_ROUTE_HANDLER=loafer.example.jobs.async_example_job
loafer"""
LOGGED = "message received by async_example_job: 'foobar'"


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str) -> Shell:
    return Shell(tmp_path)


async def publish(shell: Shell, queue: str) -> str:
    """Create a queue with a message `foobar` and return its URL."""
    url = await create_queue(queue)
    assert shell.run(f"loafer publish_sqs --queue {queue} --msg 'foobar'").returncode == 0
    return url


async def test_options_name_the_source_and_the_handler(shell: Shell) -> None:
    url = await publish(shell, "my-queue-name")
    with shell.running("loafer --source my-queue-name --handler loafer.example.jobs.async_example_job") as worker:
        worker.prints(LOGGED)
        assert worker.stop() == 0
    assert await queue_counts(url) == (0, 0)


async def test_exported_variables_name_the_source_and_the_handler(
    shell: Shell, aws_environ: pytest.MonkeyPatch
) -> None:
    aws_environ.delenv("AWS_ACCESS_KEY_ID")
    aws_environ.delenv("AWS_SECRET_ACCESS_KEY")
    with aws_environ.context() as there:
        for name, value in (("ACCESS_KEY_ID", "a-key"), ("SECRET_ACCESS_KEY", "s"), ("DEFAULT_REGION", "sa-east-1")):
            there.setenv(f"AWS_{name}", value)
        await publish(shell, "my-queue")
    with shell.running(EXPORTED) as worker:
        worker.prints(LOGGED)
        assert worker.stop() == 0


async def test_the_sample_env_file_is_loaded(shell: Shell) -> None:
    queue = unique("my-queue-name")
    await publish(shell, queue)
    shell.write(
        ".env",
        f"LOAFER_DEFAULT_ROUTE_SOURCE={queue}\nLOAFER_DEFAULT_ROUTE_HANDLER=loafer.example.jobs.async_example_job\n",
    )
    with shell.running() as worker:
        worker.prints(LOGGED)


async def test_credentials_in_the_env_file_reach_aws(shell: Shell, aws_environ: pytest.MonkeyPatch) -> None:
    queue = unique("orders")
    await publish(shell, queue)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_environ.delenv(name)
    shell.write(".env", "AWS_ACCESS_KEY_ID=testing\nAWS_SECRET_ACCESS_KEY=testing\n")
    with shell.running(f"loafer --source {queue}") as worker:
        worker.prints(LOGGED)


@pytest.mark.parametrize("section", ["loafer", "settings"])
async def test_a_cfg_file_in_the_project_root_is_loaded(shell: Shell, section: str) -> None:
    queue = unique("my-queue-name")
    await publish(shell, queue)
    shell.write("pyproject.toml", "")
    shell.write("worker.cfg", f"[{section}]\nLOAFER_DEFAULT_ROUTE_SOURCE = {queue}\n")
    (shell.folder / "src").mkdir()
    with shell.running("cd src\nloafer") as worker:
        worker.prints(LOGGED)


async def test_a_message_comes_through_a_topic(shell: Shell) -> None:
    url, topic = await create_queue(unique("subscribed")), await create_topic("a-topic-name")
    await subscribe(topic, url)
    published = shell.run("loafer publish_sns --topic a-topic-name --msg 'foobar'")
    assert (published.returncode, published.stderr) == (0, "")
    translator = "loafer.aws.message_translator.SNSMessageTranslator"
    with shell.running(f"loafer --source {url} --translator {translator}") as worker:
        worker.prints(LOGGED)
        assert worker.stop() == 0
    assert await queue_counts(url) == (0, 0)


async def test_the_documented_translator_delivers_integers(shell: Shell) -> None:
    queue = unique("integers")
    url = await create_queue(queue)
    for text in ("42", "twelve"):
        shell.run(f"loafer publish_sqs --raw --queue {queue} --msg {text}")
    shell.write(
        "jobs.py",
        """
class MyMessageTranslator(object):

    def translate(self, message):
        return {'content': int(message)}


async def my_handler(message):
    print('received', type(message), message, flush=True)
""",
    )
    options = "--translator jobs.MyMessageTranslator --handler jobs.my_handler"
    with shell.running(f"loafer --source {queue} {options}") as worker:
        worker.prints("received <class 'int'> 42")
        worker.prints("is kept: not translated: ValueError")
        worker.stop()
    assert sum(await queue_counts(url)) == 1
