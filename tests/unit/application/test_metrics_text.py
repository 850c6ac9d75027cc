"""Every line that Prometheus reads, as it stands: what dashboards and alerts are written against."""

import attrs
import pytest
from test_status import ROUTE

from loafer.application.measures import Histogram, Measures
from loafer.application.metrics import families_of
from loafer.application.status import Handling, Status
from loafer.domain.batch import Failure
from loafer.domain.depth import Backlog, Depth
from loafer.domain.fingerprint import MOST_KINDS
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.domain.metrics import Family, Sample, text_of
from loafer.exceptions import ConsumerUnavailable, PublisherError
from loafer.ports.observer import Cause, Operation

MESSAGE = Message("1", "x", "r", source="orders", sent_at=90.0)
COUNTS = {"leases_lost": 1, "leases_ended": 2, "stale": 3, "duplicates": 4, "dead_lettered": 5}
BUSY = attrs.evolve(
    ROUTE,
    jobs=2,
    held=7,
    waiting=4,
    oldest=Handling(id="orders-1", attempt=1, seconds=12.5, lease_left=20),
    last_receive=3.0,
    trouble="source 'orders': gone",
    counts=COUNTS,
    backlog=Backlog(Depth(visible=90, in_flight=7, delayed=2), 45.0),
)
STILL = attrs.evolve(ROUTE, name="mails", source="mail", last_receive=None, backlog=Backlog(Depth(visible=1)))
STATUS = Status(at=1000.0, up=60.0, blocked=0.5, heartbeat=0.25, routes=(BUSY, STILL))


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "_bucket" not in line]


def test_a_status_says_this_and_nothing_else() -> None:
    orders, mails = '{route="orders",source="orders"}', '{route="mails",source="mail"}'
    depth = "loafer_queue_depth_messages"
    longest = "Since when a handler has had the message that it has had for longest"
    assert text_of(families_of(STATUS, 30)).splitlines() == [
        "# HELP loafer_alive 1: alive; 0: not.",
        "# TYPE loafer_alive gauge",
        "loafer_alive 1",
        "# HELP loafer_ready 1: ready; 0: not.",
        "# TYPE loafer_ready gauge",
        "loafer_ready 0",
        "# HELP loafer_up_seconds Since when the worker runs.",
        "# TYPE loafer_up_seconds gauge",
        "loafer_up_seconds 60",
        "# HELP loafer_loop_blocked_seconds For how long the event loop has not answered.",
        "# TYPE loafer_loop_blocked_seconds gauge",
        "loafer_loop_blocked_seconds 0.5",
        "# HELP loafer_heartbeat_age_seconds How long ago the heartbeat ticked.",
        "# TYPE loafer_heartbeat_age_seconds gauge",
        "loafer_heartbeat_age_seconds 0.25",
        "# HELP loafer_held_messages Messages that are received and not yet settled.",
        "# TYPE loafer_held_messages gauge",
        f"loafer_held_messages{orders} 7",
        f"loafer_held_messages{mails} 0",
        "# HELP loafer_running_handlers Handlers that run.",
        "# TYPE loafer_running_handlers gauge",
        f"loafer_running_handlers{orders} 2",
        f"loafer_running_handlers{mails} 0",
        "# HELP loafer_waiting_messages Messages that wait for a handler.",
        "# TYPE loafer_waiting_messages gauge",
        f"loafer_waiting_messages{orders} 4",
        f"loafer_waiting_messages{mails} 0",
        f"# HELP loafer_oldest_running_seconds {longest}; 0: none runs.",
        "# TYPE loafer_oldest_running_seconds gauge",
        f"loafer_oldest_running_seconds{orders} 12.5",
        f"loafer_oldest_running_seconds{mails} 0",
        "# HELP loafer_in_trouble 1: something does not work, and is tried again.",
        "# TYPE loafer_in_trouble gauge",
        f"loafer_in_trouble{orders} 1",
        f"loafer_in_trouble{mails} 0",
        "# HELP loafer_last_receive_timestamp_seconds When a receive was answered last.",
        "# TYPE loafer_last_receive_timestamp_seconds gauge",
        f"loafer_last_receive_timestamp_seconds{orders} 997",
        f"# HELP {depth} Messages on the source, roughly.",
        f"# TYPE {depth} gauge",
        f'{depth}{{route="orders",source="orders",state="visible"}} 90',
        f'{depth}{{route="orders",source="orders",state="in_flight"}} 7',
        f'{depth}{{route="orders",source="orders",state="delayed"}} 2',
        f'{depth}{{route="mails",source="mail",state="visible"}} 1',
        f'{depth}{{route="mails",source="mail",state="in_flight"}} 0',
        f'{depth}{{route="mails",source="mail",state="delayed"}} 0',
        "# HELP loafer_drain_eta_seconds How long what can be received will take at the pace of the last minute.",
        "# TYPE loafer_drain_eta_seconds gauge",
        f"loafer_drain_eta_seconds{orders} 45",
        "# HELP loafer_leases_lost_total Leases that the source refused to extend.",
        "# TYPE loafer_leases_lost_total counter",
        f"loafer_leases_lost_total{orders} 1",
        f"loafer_leases_lost_total{mails} 0",
        "# HELP loafer_leases_late_total Leases that ended without an extension.",
        "# TYPE loafer_leases_late_total counter",
        f"loafer_leases_late_total{orders} 2",
        f"loafer_leases_late_total{mails} 0",
        "# HELP loafer_stale_messages_total Messages deleted after their leases had ended.",
        "# TYPE loafer_stale_messages_total counter",
        f"loafer_stale_messages_total{orders} 3",
        f"loafer_stale_messages_total{mails} 0",
        "# HELP loafer_duplicate_messages_total Messages received while they were held.",
        "# TYPE loafer_duplicate_messages_total counter",
        f"loafer_duplicate_messages_total{orders} 4",
        f"loafer_duplicate_messages_total{mails} 0",
        "# HELP loafer_dead_lettered_messages_total Messages moved to a dead-letter queue.",
        "# TYPE loafer_dead_lettered_messages_total counter",
        f"loafer_dead_lettered_messages_total{orders} 5",
        f"loafer_dead_lettered_messages_total{mails} 0",
    ]


def test_of_several_workers_each_number_comes_together_in_its_own_way() -> None:
    across = {family.name.removeprefix("loafer_"): family.across for family in families_of(STATUS, 30)}
    assert across == {
        "alive": "min",
        "ready": "min",
        "up_seconds": "min",
        "loop_blocked_seconds": "max",
        "heartbeat_age_seconds": "max",
        "held_messages": "sum",
        "running_handlers": "sum",
        "waiting_messages": "sum",
        "oldest_running_seconds": "max",
        "in_trouble": "max",
        "last_receive_timestamp_seconds": "max",
        "queue_depth_messages": "max",
        "drain_eta_seconds": "together",
        "leases_lost": "sum",
        "leases_late": "sum",
        "stale_messages": "sum",
        "duplicate_messages": "sum",
        "dead_lettered_messages": "sum",
    }


def test_a_worker_that_is_not_alive_says_so_by_the_limit_that_is_asked_for() -> None:
    text = text_of(families_of(attrs.evolve(STATUS, blocked=2.0), 1))
    assert "loafer_alive 0" in text.splitlines()


def test_measures_say_this_and_nothing_else() -> None:
    measures = Measures(lambda: 100.0)
    measures.received("orders", 10, [MESSAGE])
    for seconds in (0.5, 0.25):
        measures.handled([("orders", MESSAGE, Outcome.SUCCEEDED, None, seconds)])
    measures.handled([("orders", MESSAGE, Outcome.FAILED, KeyError("x"), 2.0)])
    measures.settled([MESSAGE, MESSAGE], Operation.ACKNOWLEDGE)
    measures.comes_back(MESSAGE, Cause.FAILED)
    measures.extended([MESSAGE])
    measures.called(Operation.RECEIVE, "orders", 0.125, ConsumerUnavailable("gone"))
    measures.sent("receipts", ["id", Failure("no")], PublisherError("no"), 1.0, topic=True)
    queue = 'messaging_system="aws_sqs",messaging_destination_name="orders"'
    topic = 'messaging_system="aws.sns",messaging_destination_name="receipts"'
    receive = f'{{{queue},messaging_operation_name="receive",error_type="ConsumerUnavailable"}}'
    send = f'{{{topic},messaging_operation_name="send",error_type="PublisherError"}}'
    assert lines(text_of(measures.families())) == [
        "# HELP messaging_client_consumed_messages_total Messages received.",
        "# TYPE messaging_client_consumed_messages_total counter",
        f"messaging_client_consumed_messages_total{{{queue}}} 1",
        "# HELP messaging_client_sent_messages_total Messages sent.",
        "# TYPE messaging_client_sent_messages_total counter",
        f"messaging_client_sent_messages_total{{{topic}}} 1",
        f'messaging_client_sent_messages_total{{{topic},error_type="PublisherError"}} 1',
        "# HELP messaging_client_operation_duration_seconds Calls to sources, and to where messages are sent.",
        "# TYPE messaging_client_operation_duration_seconds histogram",
        f"messaging_client_operation_duration_seconds_sum{receive} 0.125",
        f"messaging_client_operation_duration_seconds_count{receive} 1",
        f"messaging_client_operation_duration_seconds_sum{send} 1",
        f"messaging_client_operation_duration_seconds_count{send} 1",
        "# HELP messaging_process_duration_seconds Handling.",
        "# TYPE messaging_process_duration_seconds histogram",
        f"messaging_process_duration_seconds_sum{{{queue}}} 0.75",
        f"messaging_process_duration_seconds_count{{{queue}}} 2",
        f'messaging_process_duration_seconds_sum{{{queue},error_type="KeyError"}} 2',
        f'messaging_process_duration_seconds_count{{{queue},error_type="KeyError"}} 1',
        "# HELP loafer_messages_total Messages whose handling has ended.",
        "# TYPE loafer_messages_total counter",
        'loafer_messages_total{route="orders",outcome="succeeded"} 2',
        'loafer_messages_total{route="orders",outcome="failed"} 1',
        "# HELP loafer_handler_errors_total Errors that kept messages.",
        "# TYPE loafer_handler_errors_total counter",
        'loafer_handler_errors_total{route="orders",error="KeyError"} 1',
        "# HELP loafer_receives_total Receives, by what they brought.",
        "# TYPE loafer_receives_total counter",
        'loafer_receives_total{source="orders",result="partial"} 1',
        'loafer_receives_total{source="orders",result="error"} 1',
        "# HELP loafer_settled_messages_total Messages settled.",
        "# TYPE loafer_settled_messages_total counter",
        'loafer_settled_messages_total{source="orders",operation="acknowledge"} 2',
        "# HELP loafer_redeliveries_total Messages that come back, by cause.",
        "# TYPE loafer_redeliveries_total counter",
        'loafer_redeliveries_total{source="orders",cause="failed"} 1',
        "# HELP loafer_leases_extended_total Leases extended.",
        "# TYPE loafer_leases_extended_total counter",
        'loafer_leases_extended_total{source="orders"} 1',
        "# HELP loafer_queue_latency_seconds From sending to the start of handling.",
        "# TYPE loafer_queue_latency_seconds histogram",
        'loafer_queue_latency_seconds_sum{source="orders"} 27.25',  # 8 s, 9.5 s and 9.75 s after it was sent
        'loafer_queue_latency_seconds_count{source="orders"} 3',
    ]


def family(measures: Measures, name: str) -> Family:
    return next(each for each in measures.families() if each.name == name)


def samples(measures: Measures, name: str) -> dict[tuple[str, ...], float]:
    return {tuple(value for _, value in each.labels): each.value for each in family(measures, name).samples}


@pytest.mark.parametrize(("brought", "result"), [(0, "empty"), (1, "partial"), (2, "full"), (3, "full")])
def test_a_receive_is_full_only_if_it_brought_all_that_it_asked_for(brought: int, result: str) -> None:
    measures = Measures()
    for _ in range(2):
        measures.received("orders", 2, [MESSAGE] * brought)
    assert samples(measures, "loafer_receives") == {("orders", result): 2}
    assert samples(measures, "messaging_client_consumed_messages") == {("aws_sqs", "orders"): 2 * brought}


def test_a_call_that_failed_counts_as_a_receive_only_if_it_was_one() -> None:
    measures = Measures()
    measures.called(Operation.EXTEND, "orders", 1.0, ConsumerUnavailable("gone"))
    measures.called(Operation.RECEIVE, "orders", 1.0, None)
    assert samples(measures, "loafer_receives") == {}
    for _ in range(2):
        measures.called(Operation.RECEIVE, "orders", 1.0, ConsumerUnavailable("gone"))
    assert samples(measures, "loafer_receives") == {("orders", "error"): 2}


def test_what_is_rejected_is_no_error_that_kept_a_message() -> None:
    measures = Measures()
    measures.handled([("orders", MESSAGE, Outcome.REJECTED, KeyError("x"), 1.0)])
    measures.handled([("orders", MESSAGE, Outcome.IGNORED, None, 1.0)])
    assert samples(measures, "loafer_handler_errors") == {}
    assert samples(measures, "messaging_process_duration_seconds") == {("aws_sqs", "orders"): 2.0}


def test_a_clock_that_is_behind_the_senders_makes_no_negative_waits() -> None:
    measures = Measures(lambda: 80.0)
    measures.handled([("orders", MESSAGE, Outcome.SUCCEEDED, None, 1.0)])
    measures.handled([("orders", MESSAGE, Outcome.FAILED, KeyError("x"), 1.0)])
    [sample] = family(measures, "loafer_queue_latency_seconds").samples
    assert (sample.value, sample.buckets[0], sum(sample.buckets)) == (0.0, 2, 2)


def test_what_was_sent_at_an_unknown_time_has_waited_for_an_unknown_time() -> None:
    measures = Measures()
    for outcome, error in ((Outcome.SUCCEEDED, None), (Outcome.FAILED, KeyError("x"))):
        measures.handled([("orders", attrs.evolve(MESSAGE, sent_at=None), outcome, error, 1.0)])
    assert family(measures, "loafer_queue_latency_seconds").samples == ()


def test_many_sends_are_counted_by_what_became_of_each() -> None:
    measures = Measures()
    no = Failure("no")
    measures.sent("receipts", ["1", "2", no], None, 1.0, topic=False)
    measures.sent("receipts", ["3", "4"], None, 2.0, topic=False)
    measures.sent("receipts", [no], ConsumerUnavailable("gone"), 4.0, topic=False)
    queue = ("aws_sqs", "receipts")
    assert samples(measures, "messaging_client_sent_messages") == {
        queue: 4,
        (*queue, "PublisherError"): 1,
        (*queue, "ConsumerUnavailable"): 1,
    }
    assert samples(measures, "messaging_client_operation_duration_seconds") == {
        (*queue, "send"): 3.0,
        (*queue, "send", "ConsumerUnavailable"): 4.0,
    }


def test_nothing_settled_and_nothing_extended_is_nothing_counted() -> None:
    measures = Measures()
    measures.settled([], Operation.RELEASE)
    measures.extended([])
    assert measures.settlements == measures.extended_leases == {}
    for _ in range(2):
        measures.extended([MESSAGE] * 3)
        measures.settled([MESSAGE] * 2, Operation.RELEASE)
        measures.comes_back(MESSAGE, Cause.STOP)
    assert samples(measures, "loafer_leases_extended") == {("orders",): 6}
    assert samples(measures, "loafer_settled_messages") == {("orders", "release"): 4}
    assert samples(measures, "loafer_redeliveries") == {("orders", "stop"): 2}


def test_of_many_that_ended_together_each_is_counted_as_what_it_is() -> None:
    measures = Measures(lambda: 100.0)
    bad, unknown = attrs.evolve(MESSAGE, id="2"), attrs.evolve(MESSAGE, id="3", sent_at=None)
    measures.handled(
        [
            ("orders", MESSAGE, Outcome.SUCCEEDED, None, 1.0),
            ("orders", bad, Outcome.FAILED, KeyError("x"), 2.0),
            ("others", unknown, Outcome.SUCCEEDED, None, 4.0),
            ("others", MESSAGE, Outcome.REJECTED, ValueError("x"), 8.0),
        ]
    )
    assert measures.outcomes == {
        ("orders", "succeeded"): 1,
        ("orders", "failed"): 1,
        ("others", "succeeded"): 1,
        ("others", "rejected"): 1,
    }
    handling = samples(measures, "messaging_process_duration_seconds")
    assert handling == {("aws_sqs", "orders"): 13.0, ("aws_sqs", "orders", "KeyError"): 2.0}
    assert samples(measures, "loafer_handler_errors") == {("orders", "KeyError"): 1}
    [waits] = family(measures, "loafer_queue_latency_seconds").samples
    assert sum(waits.buckets) == 3, "of one it is not known when it was sent"


def test_an_error_that_is_known_is_counted_as_itself_however_many_kinds_there_are() -> None:
    measures = Measures()
    kinds = [type(f"Error{number}", (Exception,), {}) for number in range(MOST_KINDS + 1)]
    for kind in (*kinds, kinds[0], kinds[-1]):
        measures.handled([("orders", MESSAGE, Outcome.FAILED, kind(), 1.0)])
    errors = samples(measures, "loafer_handler_errors")
    assert (errors["orders", "Error0"], errors["orders", "others"]) == (2, 2)
    assert ("orders", f"Error{MOST_KINDS - 1}") in errors
    handling = samples(measures, "messaging_process_duration_seconds")
    assert (handling["aws_sqs", "orders", "Error0"], handling["aws_sqs", "orders", "others"]) == (2.0, 2.0)


def test_each_duration_falls_into_the_first_bucket_that_it_does_not_exceed() -> None:
    alone, together = Histogram((1.0, 2.0)), Histogram((1.0, 2.0))
    seconds = [0.5, 1.0, 1.5, 2.0, 2.5, 100.0]
    for each in seconds:
        alone.add(each)
    together.add_all(seconds)
    together.add_all(seconds)
    assert (alone.counts, alone.sum) == ([2, 2, 2], 107.5)
    assert (together.counts, together.sum) == ([4, 4, 4], 215.0)


def test_waits_are_counted_by_longer_bounds_than_calls() -> None:
    measures = Measures(lambda: 100.0)
    measures.called(Operation.RECEIVE, "orders", 0.1, None)
    measures.handled([("orders", MESSAGE, Outcome.SUCCEEDED, None, 0.1)])
    [call], [wait] = (
        family(measures, name).samples
        for name in ("messaging_client_operation_duration_seconds", "loafer_queue_latency_seconds")
    )
    assert isinstance(call, Sample)
    assert (len(call.buckets), len(wait.buckets)) == (15, 20)
    assert family(measures, "loafer_queue_latency_seconds").bounds[-1] == 3600.0
