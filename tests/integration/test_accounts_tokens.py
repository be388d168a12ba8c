"""Tokens at injected times, from the login they come from to the end of their family."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import text

from api.usecases import access, accounts
from api.usecases.access import ACCESS_SECONDS, REFRESH_SECONDS, Holder

NOW = datetime(2030, 1, 1, tzinfo=UTC)
_numbers = count(1)


@pytest.fixture
def email():
    return f"cyd-{next(_numbers)}@example.org"


@pytest.fixture
def user(ground, service, email):
    """A user who has been granted `service`."""
    return accounts.add_user(ground, email, "right-one", [service.name])


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def issue(ground, user, *, community=None, seconds=0, properties=""):
    return access.issue(
        ground, Holder(user=user), community=community, properties=properties, now=at(seconds)
    )


def refresh(ground, token, *, client=None, community=None, seconds=0):
    return access.refresh(ground, token, client, community=community, now=at(seconds))


def test_neither_passwords_nor_tokens_are_kept(ground, user):
    issued = issue(ground, user)

    with ground.database.begin() as session:
        of_user = text(
            "SELECT to_jsonb(u), to_jsonb(t) FROM users u JOIN oauth_tokens t ON t.user_id = u.id"
            " WHERE u.id = :id"
        )
        kept = str(session.execute(of_user, {"id": user.id}).all())
    assert user.email in kept
    for secret in ("right-one", issued.access_token, issued.refresh_token):
        assert secret not in kept
        assert secret not in repr(issued)


def test_an_access_token_is_good_for_an_hour(ground, user, service):
    issued = issue(ground, user, community=service.name.upper())

    found = access.find_access(ground, issued.access_token, at(ACCESS_SECONDS - 1))
    assert (found.holder.user, found.service) == (user, service)
    with pytest.raises(access.AccessRefused):
        access.find_access(ground, issued.access_token, at(ACCESS_SECONDS))


@pytest.mark.parametrize("token", ["", "x", "é", "\ud800"])
def test_an_unknown_access_token_opens_nothing(ground, token):
    with pytest.raises(access.AccessRefused):
        access.find_access(ground, token, NOW)


@pytest.mark.parametrize("name", ["nowhere", "", "a\0b"])
def test_a_community_that_is_not_and_one_not_granted_are_told_alike(ground, user, service, name):
    other = accounts.add_user(ground, f"other-{user.email}", "a-password")

    with pytest.raises(access.CommunityRefused, match="has been granted to this user"):
        issue(ground, user, community=name)
    with pytest.raises(access.CommunityRefused, match="has been granted to this user"):
        issue(ground, other, community=service.name)


def test_a_client_of_its_own_reaches_what_it_was_granted_and_gets_no_refresh_token(ground, user, service):
    client = accounts.add_client(ground, f"app-{service.name}", "a-secret", [service.name])
    unlike = accounts.add_client(ground, f"bare-{service.name}", "a-secret")

    issued = access.issue(ground, Holder(client=client), community=service.name, properties="", now=NOW)

    assert issued.refresh_token is None
    assert access.find_access(ground, issued.access_token, NOW).service == service
    with pytest.raises(access.CommunityRefused, match="this client"):
        access.issue(ground, Holder(client=unlike), community=service.name, properties="", now=NOW)


def test_a_users_communities_are_not_widened_by_the_client(ground, service, email):
    client = accounts.add_client(ground, f"app-{service.name}", "a-secret", [service.name])
    other = accounts.add_user(ground, email, "a-password")

    with pytest.raises(access.CommunityRefused):
        access.issue(
            ground, Holder(user=other, client=client), community=service.name, properties="", now=NOW
        )


def test_a_community_is_chosen_later_and_kept_by_what_is_refreshed(ground, user, service):
    issued = issue(ground, user, properties="deviceId=A")
    found = access.find_access(ground, issued.access_token, NOW)
    with pytest.raises(access.CommunityMissing):
        access.community_of(ground, found, None)

    access.choose_community(ground, found, service.name)

    assert access.find_access(ground, issued.access_token, NOW).service == service
    refreshed = refresh(ground, issued.refresh_token)
    assert (refreshed.service, refreshed.properties) == (service, "deviceId=A")


def test_a_grant_that_is_taken_away_closes_the_community_at_once(ground, user, service):
    issued = issue(ground, user, community=service.name)

    with ground.database.begin() as session:
        session.execute(text("DELETE FROM user_communities WHERE user_id = :id"), {"id": user.id})

    assert access.find_access(ground, issued.access_token, NOW).service is None


def test_a_call_may_name_its_community_while_the_token_has_none(ground, user, service):
    free = access.find_access(ground, issue(ground, user).access_token, NOW)
    bound = access.find_access(ground, issue(ground, user, community=service.name).access_token, NOW)

    assert access.community_of(ground, free, service.name.upper()) == service
    assert access.community_of(ground, bound, service.name.upper()) == service
    for token in (free, bound):
        with pytest.raises(access.CommunityRefused):
            access.community_of(ground, token, "another")


def test_a_refresh_token_is_good_once(ground, user):
    first = issue(ground, user)

    second = refresh(ground, first.refresh_token, seconds=REFRESH_SECONDS - 1)

    assert access.find_access(ground, second.access_token, at(REFRESH_SECONDS))
    assert second.refresh_token != first.refresh_token


def test_a_refresh_token_expires_after_thirty_days(ground, user):
    issued = issue(ground, user)

    with pytest.raises(access.RefreshRefused):
        refresh(ground, issued.refresh_token, seconds=REFRESH_SECONDS)


def test_a_refresh_token_shown_again_ends_its_family_and_no_other(ground, user):
    first, other_login = issue(ground, user), issue(ground, user)
    second = refresh(ground, first.refresh_token)

    with pytest.raises(access.RefreshRefused):
        refresh(ground, first.refresh_token)

    for token in (first, second):
        with pytest.raises(access.AccessRefused):
            access.find_access(ground, token.access_token, NOW)
    with pytest.raises(access.RefreshRefused):
        refresh(ground, second.refresh_token)
    assert refresh(ground, other_login.refresh_token)


def test_of_many_who_show_one_refresh_token_at_once_none_keeps_access(ground, user):
    first = issue(ground, user)
    ready = Barrier(4)

    def show(_):
        ready.wait(10)
        try:
            return refresh(ground, first.refresh_token)
        except access.RefreshRefused:
            return None

    with ThreadPoolExecutor(4) as threads:
        [given] = filter(None, threads.map(show, range(4)))

    with pytest.raises(access.AccessRefused):
        access.find_access(ground, given.access_token, NOW)


def test_a_refresh_token_is_for_the_client_it_was_given_to(ground, user, service):
    client = accounts.add_client(ground, f"app-{service.name}", "a-secret")
    issued = access.issue(ground, Holder(user=user, client=client), community=None, properties="", now=NOW)

    with pytest.raises(access.RefreshRefused):
        refresh(ground, issued.refresh_token)
    assert refresh(ground, issued.refresh_token, client=client)


def test_refreshing_reaches_no_further_and_a_refused_attempt_spends_nothing(ground, user, service):
    free, bound = issue(ground, user), issue(ground, user, community=service.name)

    for token, community in ((free, service.name), (bound, "another")):
        with pytest.raises(access.CommunityRefused):
            refresh(ground, token.refresh_token, community=community)

    assert refresh(ground, free.refresh_token).service is None
    assert refresh(ground, bound.refresh_token, community=service.name.upper()).service == service


def test_what_is_good_for_nothing_any_more_is_forgotten_at_the_next_login(ground, user):
    issue(ground, user)
    issue(ground, user, seconds=REFRESH_SECONDS - 1)

    issue(ground, user, seconds=REFRESH_SECONDS + 1)

    with ground.database.begin() as session:
        kept = text("SELECT count(*) FROM oauth_tokens WHERE user_id = :id")
        assert session.execute(kept, {"id": user.id}).scalar_one() == 2
