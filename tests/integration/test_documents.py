"""Reading back what imports did, one document or one page at a time."""

import pytest

from api.usecases.documents import DocumentPage, get_document, list_documents
from api.usecases.services import Service
from shared.db.documents import PAGE_CHARACTERS
from shared.errors import DocumentNotFound
from shared.ground import Ground
from tests.integration.builders import an_import, ndjson, numbered, work_off


@pytest.fixture
def seven(ground: Ground, service: Service) -> None:
    """The documents 001 to 007."""
    work_off(ground, service, an_import(ground, service, numbered(7)))


def ids(page: DocumentPage) -> list[str]:
    return [document.decode().removeprefix('{"documentid":"')[:3] for document in page.documents]


def test_a_document_is_json_text_with_its_id_first(ground: Ground, service: Service):
    block = ndjson(rb'{"z":1.10,"documentid":"a\"b","n":12345678901234567890.5}', {"documentid": "empty"})
    work_off(ground, service, an_import(ground, service, block))

    document = get_document(ground, service, "/contacts", 'a"b')

    assert document == rb'{"documentid":"a\"b","n": 12345678901234567890.5, "z": 1.10}'
    assert get_document(ground, service, "/contacts", "empty") == b'{"documentid":"empty"}'


@pytest.mark.parametrize("documentid", ["", "8", "001 ", "x" * 10_000])
@pytest.mark.usefixtures("seven")
def test_an_unknown_document_is_not_found(ground: Ground, service: Service, documentid: str):
    with pytest.raises(DocumentNotFound):
        get_document(ground, service, "/contacts", documentid)


@pytest.mark.usefixtures("seven")
def test_pages_lead_forward_to_the_end_and_back_again(ground: Ground, service: Service):
    first = list_documents(ground, service, "/contacts", 3)
    second = list_documents(ground, service, "/contacts", 3, after=first.last_id)
    third = list_documents(ground, service, "/contacts", 3, after=second.last_id)
    back = list_documents(ground, service, "/contacts", 3, before=third.first_id)

    assert [ids(page) for page in (first, second, third)] == [
        ["001", "002", "003"],
        ["004", "005", "006"],
        ["007"],
    ]
    assert [(page.has_previous, page.has_next) for page in (first, second, third)] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert back == second


@pytest.mark.usefixtures("seven")
def test_the_page_before_may_be_shorter_and_the_first(ground: Ground, service: Service):
    page = list_documents(ground, service, "/contacts", 3, before="002")

    assert (ids(page), page.has_previous, page.has_next) == (["001"], False, True)


@pytest.mark.usefixtures("seven")
def test_a_page_beyond_the_last_document_is_empty(ground: Ground, service: Service):
    page = list_documents(ground, service, "/contacts", 3, after="007")

    assert page == DocumentPage([], None, None, has_previous=False, has_next=False)


def test_ids_are_in_the_order_of_their_code_points(ground: Ground, service: Service):
    given = ["10", "9", "B", "a", "Z", "é", "\U0001f600", "\uffff"]
    block = ndjson(*({"documentid": documentid} for documentid in given))
    work_off(ground, service, an_import(ground, service, block))

    page = list_documents(ground, service, "/contacts", 100)

    assert page.documents == [b'{"documentid":"%s"}' % name.encode() for name in sorted(given)]


def test_a_page_ends_by_its_size_too_and_the_next_one_goes_on_there(ground: Ground, service: Service):
    large = "x" * (PAGE_CHARACTERS // 2)
    lines = [{"documentid": f"00{n}", "text": large} for n in range(1, 4)]
    for line in lines:
        work_off(ground, service, an_import(ground, service, ndjson(line)))

    first = list_documents(ground, service, "/contacts", 100)
    second = list_documents(ground, service, "/contacts", 100, after=first.last_id)
    back = list_documents(ground, service, "/contacts", 100, before="004")

    assert (ids(first), first.has_next) == (["001", "002"], True)
    assert (ids(second), second.has_next) == (["003"], False)
    assert (ids(back), back.has_previous) == (["002", "003"], True)
