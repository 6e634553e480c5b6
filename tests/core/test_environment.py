"""The static environment of runs (reference, run configuration 4.1)."""

import pytest

from tidemill.core.environment import static_environment
from tidemill.core.refs import Ref, RefType, branch, tag


def test_every_variable_has_both_names() -> None:
    """All of the reference, as AGOLA_… and as TIDEMILL_…, and CI."""
    found = static_environment(branch("main"), "abc", "http://example.org:8000/git/user/a/b.git")
    assert found.pop("CI") == "true"
    ours = {name.removeprefix("TIDEMILL_"): v for name, v in found.items() if name.startswith("TIDEMILL_")}
    theirs = {name.removeprefix("AGOLA_"): v for name, v in found.items() if name.startswith("AGOLA_")}
    assert ours == theirs
    assert len(ours) * 2 == len(found)
    assert theirs == {
        "SSHPRIVKEY": "",
        "REPOSITORY_URL": "http://example.org:8000/git/user/a/b.git",
        "GIT_HOST": "example.org",
        "GIT_PORT": "8000",
        "GIT_BRANCH": "main",
        "GIT_TAG": "",
        "PULL_REQUEST_ID": "",
        "GIT_REF_TYPE": "branch",
        "GIT_REF": "refs/heads/main",
        "GIT_COMMITSHA": "abc",
    }


def test_only_the_ref_s_own_variable_is_filled() -> None:
    """A tag has no branch, a pull request neither."""
    of_tag = static_environment(tag("v1"), "abc", "")
    assert (of_tag["AGOLA_GIT_TAG"], of_tag["AGOLA_GIT_BRANCH"]) == ("v1", "")
    ref = Ref(type=RefType.PULL_REQUEST, name="7", full="refs/pull/7/head")
    of_request = static_environment(ref, "abc", "")
    assert (of_request["AGOLA_PULL_REQUEST_ID"], of_request["AGOLA_GIT_REF_TYPE"]) == ("7", "pull_request")


def test_keys_of_the_host_are_there_when_known() -> None:
    """They are left out otherwise, so that a test for their presence works."""
    found = static_environment(branch("x"), "a", "", ssh_private_key="k", ssh_host_key="h")
    assert (found["AGOLA_SSHPRIVKEY"], found["TIDEMILL_SSHHOSTKEY"]) == ("k", "h")
    assert "AGOLA_SKIPSSHHOSTKEYCHECK" not in found
    assert (
        static_environment(branch("x"), "a", "", skip_host_key_check=True)["AGOLA_SKIPSSHHOSTKEYCHECK"] == "1"
    )


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("git@example.org:a/b.git", "example.org", "22"),
        ("example.org:a/b.git", "example.org", "22"),
        ("ssh://git@example.org:2222/a/b.git", "example.org", "2222"),
        ("ssh://git@example.org/a/b.git", "example.org", "22"),
        ("https://example.org/a/b.git", "example.org", "22"),
        ("http://[::1]:80/a", "::1", "80"),
        ("/srv/git/a.git", "", "22"),
    ],
)
def test_host_and_port_come_from_the_url(url: str, host: str, port: str) -> None:
    """Also of the form that scp has; 22 without a port, as in Agola."""
    found = static_environment(branch("x"), "a", url)
    assert (found["AGOLA_GIT_HOST"], found["AGOLA_GIT_PORT"]) == (host, port)
