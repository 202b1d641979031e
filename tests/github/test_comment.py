"""One comment a key, whatever becomes of the requests."""

import threading

import pytest

from sway.github.comment import Thread
from sway.github.comment_mark import marker, stamp
from sway.github.transport import Client, Refused, Unclear
from tests.github.conftest import QUICK
from tests.github.fake import ME, Fault

MARK = marker("sway.yaml", "")
RUN = (55, 1)
COMMENTS = "/issues/7/comments"


def say(client, *bodies, mark=MARK, run=RUN):
    return Thread(client, 7, mark, run).say(bodies or ("hello",))


def test_the_first_is_created_and_the_next_edits_it(hub, client):
    assert say(client).what == "created"
    assert say(client, "more").what == "edited"
    assert say(client, "more").what == "unchanged"
    assert hub.bodies() == [f"{MARK}\n{stamp(RUN)}\nmore"]
    assert hub.count("POST", COMMENTS) == 1


def test_ours_is_found_on_the_third_page(hub, client):
    for i in range(240):
        hub.add(f"chatter {i}", who="someone")
    hub.add(f"{MARK}\nold")
    for i in range(9):
        hub.add(f"chatter {i}", who="someone")
    assert say(client).what == "edited"
    assert hub.count("GET", COMMENTS) == 3
    assert len(hub.comments[7]) == 250


@pytest.mark.parametrize("who", ["mallory", "github-actions", "other[bot]"])
def test_a_comment_of_somebody_else_with_our_marker_is_left_alone(hub, client, who):
    hub.add(f"{MARK}\nmine now", who=who)
    assert say(client).what == "created"
    assert hub.bodies(who) == [f"{MARK}\nmine now"]


@pytest.mark.parametrize("text", [f"see\n{MARK}", f"> {MARK}\nx", f"{MARK} x", f" {MARK[:-4]}"])
def test_only_an_exact_first_line_is_the_marker(hub, client, text):
    hub.add(text)
    assert say(client).what == "created"
    assert text in hub.bodies()


def test_line_ends_as_browsers_send_them_are_no_difference(hub, client):
    hub.add(f"{MARK}\r\n{stamp(RUN)}\r\nhello\r\n")
    assert say(client).what == "unchanged"


def test_specs_and_legs_of_a_matrix_have_comments_of_their_own(hub, client):
    marks = [marker(spec, key) for spec in ("a.yaml", "b.yaml") for key in ("", "small", "large")]
    assert len(set(marks)) == 6
    for _ in range(2):
        for mark in marks:
            say(client, mark=mark)
    assert sorted(body.split("\n")[0] for body in hub.bodies()) == sorted(marks)
    assert marker("a", "b") != marker("ab", "")


def test_six_at_once_leave_one_comment_a_key(hub, settings):
    hub.barrier = threading.Barrier(6)
    marks = [MARK, marker("other.yaml", "")]
    ended = []

    def run(i):
        ended.append(say(Client(settings, QUICK), f"from {i}", mark=marks[i % 2]))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 6
    assert sorted(body.split("\n")[0] for body in hub.bodies()) == sorted(marks)
    assert hub.count("POST", COMMENTS) == 6


def test_of_several_the_first_stays(hub, client):
    first = hub.add(f"{MARK}\none")
    hub.add(f"{MARK}\ntwo")
    foreign = hub.add(f"{MARK}\nthree", who="mallory")
    say(client)
    assert set(hub.comments[7]) == {first, foreign}


def test_a_slow_run_does_not_replace_what_a_later_one_found(hub, client):
    say(client, "later", run=(60, 1))
    assert say(client, "earlier", run=(55, 2)).what == "left"
    assert hub.bodies()[0].endswith("later")
    assert say(client, "again", run=(60, 2)).what == "edited"


FAULTS = {
    "502 before": Fault("POST", COMMENTS),
    "502 after": Fault("POST", COMMENTS, after=True),
    "three 502": Fault("POST", COMMENTS, times=3),
    "dropped before": Fault("POST", COMMENTS, how="dropped"),
    "dropped after": Fault("POST", COMMENTS, how="dropped", after=True),
    "torn after": Fault("POST", COMMENTS, how="torn", after=True),
    "limit": Fault("POST", COMMENTS, 403, {"message": "You have exceeded a secondary rate limit."}),
    "limit with a wait": Fault("POST", COMMENTS, 403, {"message": "wait"}, {"Retry-After": "0"}),
    "429": Fault("POST", COMMENTS, 429, {"message": "slow down"}, {"Retry-After": "0"}),
    "list 502": Fault("GET", COMMENTS, times=2),
    "list dropped": Fault("GET", COMMENTS, how="dropped"),
    "list torn": Fault("GET", COMMENTS, how="torn"),
    "list limit": Fault("GET", COMMENTS, 403, {"message": "You have exceeded a secondary rate limit."}),
    "viewer 502": Fault("POST", "/graphql", times=2),
    "viewer dropped": Fault("POST", "/graphql", how="dropped"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_leaves_one_comment(hub, client, fault, capfd):
    kind = FAULTS[fault]
    hub.faults.append(Fault(**vars(kind)))
    say(client)
    assert capfd.readouterr() == ("", "")
    assert len(hub.bodies()) == 1
    assert hub.asked.count(("POST", f"/repos/acme/models{COMMENTS}")) <= 1 + kind.times * (not kind.after)


@pytest.mark.parametrize("how", ["", "dropped", "torn"])
@pytest.mark.parametrize("after", [False, True])
def test_a_fault_while_editing_leaves_one_comment(hub, client, how, after):
    hub.add(f"{MARK}\nold")
    hub.faults.append(Fault("PATCH", "/issues/comments/", how=how, after=after))
    say(client)
    assert hub.bodies() == [f"{MARK}\n{stamp(RUN)}\nhello"]


def test_a_comment_that_is_deleted_while_it_is_edited_is_written_anew(hub, client):
    hub.add(f"{MARK}\nold")
    hub.faults.append(Fault("PATCH", "/issues/comments/", 404, {"message": "Not Found"}))
    hub.faults.append(Fault("PATCH", "/issues/comments/", 404, {"message": "Not Found"}))
    say(client)
    assert len(hub.bodies()) == 1


@pytest.mark.parametrize(
    ("status", "message"), [(403, "Resource not accessible by integration"), (404, "Not Found"), (410, "Gone")]
)
def test_a_refusal_is_told_at_once(hub, client, status, message):
    hub.faults.append(Fault("POST", COMMENTS, status, {"message": message}, times=9))
    with pytest.raises(Refused) as told:
        say(client)
    assert told.value.status == status
    assert hub.count("POST", COMMENTS) == 1


@pytest.mark.parametrize("how", ["", "dropped"])
def test_a_fault_that_stays_is_told_within_the_time(hub, client, how):
    hub.faults.append(Fault("POST", COMMENTS, how=how, times=99))
    with pytest.raises(Unclear):
        say(client)
    assert not hub.bodies()


def test_a_wait_that_is_too_long_is_not_waited_for(hub, client):
    hub.faults.append(Fault("POST", COMMENTS, 403, {"message": "wait"}, {"Retry-After": "3600"}, times=9))
    with pytest.raises(Unclear, match="wait"):
        say(client)
    assert hub.count("POST", COMMENTS) == 1


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        ("wait", {"Retry-After": "3600"}),
        (
            "API rate limit exceeded for installation.",
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"},
        ),
    ],
)
def test_a_limit_that_lasts_for_long_is_told_at_once(hub, client, message, headers):
    hub.faults.append(Fault("GET", COMMENTS, 403, {"message": message}, headers, times=99))
    with pytest.raises(Unclear, match="longer wait"):
        say(client)
    assert hub.count("GET", COMMENTS) <= 3
    assert not hub.count("POST", COMMENTS)


def test_what_github_finds_too_long_is_said_shorter(hub, client):
    hub.too_long = 200
    posted = say(client, "x" * 5000, "y" * 500, "short")
    assert posted.shortened
    assert hub.bodies() == [f"{MARK}\n{stamp(RUN)}\nshort"]
    with pytest.raises(Refused):
        say(client, "x" * 5000)


def test_nothing_is_asked_once_the_time_is_over(hub, client):
    client.deadline._end = 0
    with pytest.raises(Unclear, match="time"):
        say(client)
    assert not hub.asked


def test_ours_is_by_the_token_and_by_nobody_else(hub, client):
    hub.viewer = "someone-app[bot]"
    hub.add(f"{MARK}\nold", who=ME)
    say(client)
    assert len(hub.bodies("someone-app[bot]")) == 1
    assert hub.bodies() == [f"{MARK}\nold"]
