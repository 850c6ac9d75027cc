import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from loafer.domain.facts import QueueFacts, TopicFacts
from loafer.domain.permissions import of_queue_published_to, of_source, of_topic_published_to, policy_of

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234"
ORDERS = QueueFacts(name="orders", arn=f"{ARN}orders")
DEAD = QueueFacts(name="orders-dead", arn=f"{ARN}orders-dead")
NEWS = TopicFacts(name="news", arn="arn:aws:sns:eu-west-1:123456789012:news")
PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")


def allowed(policy: dict[str, Any], resource: str) -> set[str]:
    """Return the actions that a policy allows on a resource."""
    found = set[str]()
    for statement in policy["Statement"]:
        named = statement["Resource"]
        if resource in ([named] if isinstance(named, str) else named):
            found |= set(statement["Action"])
    return found


def documented(*rows: str) -> set[str]:
    """Return the permissions of rows of the security page's table."""
    lines = [line for line in PAGE.splitlines() if line.startswith(tuple(f"| {row}" for row in rows))]
    assert len(lines) == len(rows)
    return {name for line in lines for name in re.findall(r"`(\w+:\w+)`", line.split("|")[3])}


WORKER = ("`loafer` |", "a handler that takes longer", "a message that is kept with a delay")


def test_a_source_needs_what_the_security_page_says_of_a_worker() -> None:
    assert allowed(policy_of(of_source(ORDERS)), ORDERS.arn) == documented(*WORKER)


def test_a_source_that_is_a_url_is_not_looked_up() -> None:
    policy = policy_of(of_source(attrs.evolve(ORDERS, looked_up=False)))
    assert allowed(policy, ORDERS.arn) == documented(*WORKER) - documented("a source that is a name or an ARN")


def test_a_dead_letter_queue_that_messages_are_moved_to_needs_what_the_page_says() -> None:
    policy = policy_of(of_source(ORDERS, DEAD))
    assert allowed(policy, DEAD.arn) == documented("a FIFO queue with a redrive policy")
    assert allowed(policy, DEAD.arn) == documented("a route with `Retry(dead_letter_after=…)`")


def test_publishers_need_what_the_page_says() -> None:
    assert allowed(policy_of(of_queue_published_to(ORDERS)), ORDERS.arn) == documented(
        "an application's publisher to a q"
    )
    policy = policy_of(of_topic_published_to(NEWS))
    assert allowed(policy, NEWS.arn) | allowed(policy, "*") == documented("an application's publisher to a topic")
    assert allowed(policy, NEWS.arn) == {"sns:Publish"}


def test_what_is_named_by_its_url_or_its_arn_is_not_looked_up() -> None:
    queue = policy_of(of_queue_published_to(attrs.evolve(ORDERS, looked_up=False)))
    topic = policy_of(of_topic_published_to(attrs.evolve(NEWS, looked_up=False)))
    assert allowed(queue, ORDERS.arn) == {"sqs:SendMessage"}
    assert allowed(topic, "*") == set()


def test_an_encrypted_queue_needs_its_key_for_what_is_done_with_it_and_through_sqs_alone() -> None:
    queue = attrs.evolve(ORDERS, key=KEY)
    via = {"StringEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}}
    [_, statement] = policy_of(of_source(queue))["Statement"]
    assert statement == {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": KEY, "Condition": via}
    assert allowed(policy_of(of_queue_published_to(queue)), KEY) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert allowed(policy_of(of_source(ORDERS, attrs.evolve(DEAD, key=KEY))), KEY) == {
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }


def test_a_key_that_is_an_id_has_the_queues_region_and_account() -> None:
    assert allowed(policy_of(of_source(attrs.evolve(ORDERS, key="1234"))), KEY) == {"kms:Decrypt"}


def test_an_alias_is_a_condition_for_no_resource_can_be_one() -> None:
    for alias in ("alias/orders", "arn:aws:kms:eu-west-1:123456789012:alias/orders"):
        statement = policy_of(of_source(attrs.evolve(ORDERS, key=alias)))["Statement"][1]
        assert statement["Resource"] == "arn:aws:kms:eu-west-1:123456789012:key/*"
        assert statement["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/orders"}


def test_the_keys_of_aws_itself_need_nothing() -> None:
    assert len(policy_of(of_source(attrs.evolve(ORDERS, key="alias/aws/sqs", managed_key=True)))["Statement"]) == 1


def test_what_needs_the_same_is_one_statement_and_nothing_is_said_twice() -> None:
    other = attrs.evolve(ORDERS, name="pay", arn=f"{ARN}pay")
    policy = policy_of([*of_source(ORDERS), *of_source(other), *of_source(ORDERS)])
    [statement] = policy["Statement"]
    assert statement["Resource"] == [ORDERS.arn, other.arn]
    assert len(set(statement["Action"])) == len(statement["Action"])


def test_a_key_of_a_queue_whose_region_is_not_known_has_no_condition_that_could_not_hold() -> None:
    queue = QueueFacts(name="orders", arn="arn:aws:sqs:*:*:orders", key="alias/orders")
    [_, statement] = policy_of(of_source(queue))["Statement"]
    assert statement["Resource"] == "arn:aws:kms:*:*:key/*"
    assert "StringEquals" not in statement["Condition"]


def test_a_key_in_china_is_used_through_services_of_another_domain() -> None:
    queue = QueueFacts(name="orders", arn="arn:aws-cn:sqs:cn-north-1:1:orders", key="1234")
    [_, statement] = policy_of(of_source(queue))["Statement"]
    assert statement["Resource"] == "arn:aws-cn:kms:cn-north-1:1:key/1234"
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "sqs.cn-north-1.amazonaws.com.cn"}}


@pytest.mark.parametrize(("arn", "partition"), [("orders", "*"), ("arn:aws", "aws"), ("arn:aws:sqs:*", "aws")])
def test_what_a_short_arn_does_not_say_of_a_key_is_any(arn: str, partition: str) -> None:
    [_, statement] = policy_of(of_source(QueueFacts(name="orders", arn=arn, key="1234")))["Statement"]
    assert statement == {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": f"arn:{partition}:kms:*:*:key/1234"}


def test_an_encrypted_topic_needs_its_key_through_sns_alone() -> None:
    [_, _, statement] = policy_of(of_topic_published_to(attrs.evolve(NEWS, key=KEY)))["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], KEY)
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "sns.eu-west-1.amazonaws.com"}}


def test_what_needs_nothing_has_an_empty_policy() -> None:
    assert policy_of([]) == {"Version": "2012-10-17", "Statement": []}
