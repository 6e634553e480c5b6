"""Bodies are read and written as Agola's server does (reference, API 1.1)."""

import json

import pytest

from tidemill.contracts.gateway.projects import CreateProjectRequest, ProjectResponse, UpdateProjectRequest
from tidemill.contracts.gateway.secrets import SecretRequest
from tidemill.contracts.gateway.users import CreateUserRequest, PrivateUserResponse
from tidemill.contracts.gateway.variables import (
    ValueWhen,
    VariableRequest,
    VariableValueRequest,
    WhenCondition,
    WhenConditions,
)
from tidemill.errors import BadRequest
from tidemill.kit.go_json import encode
from tidemill.services.gateway.dialect import decoder

read_user = decoder(CreateUserRequest)


@pytest.mark.parametrize(
    "body",
    [
        b'{"username":"alice"}',
        b'  \n{"username": "alice"}',
        b'{"UserName":"alice"}',
        b'{"USERNAME":"bob","username":"alice"}',
        b'{"username":"alice","unknown":{"deep":[1]}}',
        b'{"username":"alice"} trailing { garbage',
        b'{"username":"alice"}{"username":"bob"}',
        b'{"username":"al\\u0069ce"}',
    ],
)
def test_what_go_accepts_is_accepted(body: bytes) -> None:
    """The first value counts, in any case of its keys; the last of equal keys wins."""
    assert read_user(body) == CreateUserRequest(username="alice")


@pytest.mark.parametrize("body", [b"null", b"{}", b'{"username":null}', b"null null"])
def test_null_is_the_same_as_nothing(body: bytes) -> None:
    """A field that was not given is empty."""
    assert read_user(body) == CreateUserRequest(username="")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b"[]",
        b'"alice"',
        b"5",
        b'{"username":5}',
        b'{"username":["alice"]}',
        b'{"username":NaN}',
        b"{'username':'alice'}",
        b"[" * 100_000,
        b'{"username":' + b"9" * 5000 + b"}",
    ],
)
def test_what_go_refuses_is_refused(body: bytes) -> None:
    """With a plain 400, never with a crash."""
    with pytest.raises(BadRequest) as caught:
        read_user(body)
    assert caught.value.code == "badRequest"


def test_names_match_in_any_case_at_any_depth() -> None:
    """In lists too, where null is an empty struct; names that are data are left alone."""
    read = decoder(VariableRequest)
    body = (
        b'{"NAME":"V","Values":[{"Secret_Name":"s","SECRET_VAR":"k","x":1,'
        b'"When":{"Branch":{"INCLUDE":[{"Match":"Main","type":null}],"exclude":null},"tag":null}},null]}'
    )
    match = WhenConditions(include=(WhenCondition(match="Main"),))
    assert read(body) == VariableRequest(
        name="V",
        values=(
            VariableValueRequest(secret_name="s", secret_var="k", when=ValueWhen(branch=match)),
            VariableValueRequest(),
        ),
    )
    data = decoder(SecretRequest)(b'{"DATA":{"Key":"v","key":"w"}}').data
    assert data == {"Key": "v", "key": "w"}
    for wrong in (b'{"values":{}}', b'{"values":[5]}', b'{"values":[{"when":[]}]}'):
        with pytest.raises(BadRequest):
            read(wrong)


def test_broken_characters_are_replaced() -> None:
    """Bytes that are no UTF-8 and halves of characters become the replacement character."""
    assert read_user(b'{"username":"a\xffb"}').username == "a\ufffdb"
    assert read_user(b'{"username":"a\\ud800b"}').username == "a\ufffdb"
    assert read_user(b'{"username":"\\ud83d\\ude00"}').username == "\U0001f600"


def test_null_is_kept_where_it_means_something() -> None:
    """In an update it leaves the field as it is, and false is not null."""
    read = decoder(UpdateProjectRequest)
    assert read(b'{"name":null,"visibility":"private"}') == UpdateProjectRequest(visibility="private")
    assert read(b'{"pass_vars_to_forked_pr":false}') == UpdateProjectRequest(pass_vars_to_forked_pr=False)
    assert decoder(CreateProjectRequest)(b'{"pass_vars_to_forked_pr":null}') == CreateProjectRequest()


def test_markup_is_escaped_in_strings() -> None:
    """As Go does, and it reads back the same."""
    user = PrivateUserResponse(id="1", username="a", tokens=('<b>&\u2028\u2029é"\\',))
    data = encode(user)
    assert data == (
        b'{"id":"1","username":"a","tokens":["\\u003cb\\u003e\\u0026\\u2028\\u2029\xc3\xa9\\"\\\\"],"linked_accounts":[]}'
    )
    assert json.loads(data)["tokens"] == list(user.tokens)


def test_empty_fields_of_a_project_are_left_out() -> None:
    """False and empty ones, in the order of the reference."""
    project = ProjectResponse(id="1", name="hello", path="user/a/hello", parent_path="user/a")
    assert encode(project) == b'{"id":"1","name":"hello","path":"user/a/hello","parent_path":"user/a"}'
    full = ProjectResponse(
        id="1",
        name="n",
        path="p",
        parent_path="pp",
        visibility="public",
        global_visibility="public",
        pass_vars_to_forked_pr=True,
        default_branch="main",
        members_can_perform_run_actions=True,
    )
    assert list(json.loads(encode(full))) == [
        "id",
        "name",
        "path",
        "parent_path",
        "visibility",
        "global_visibility",
        "pass_vars_to_forked_pr",
        "default_branch",
        "members_can_perform_run_actions",
    ]
