"""Made-up requests against every operation of the document: no answer is a bug, and each fits what the document says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from pydantic.alias_generators import to_camel
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from appliance.web import openapi
from tests.lab import opened, registry
from tests.web.matrix import World

pytestmark = pytest.mark.slow
EXAMPLES = 25


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as lab:
        lab.app.testing = False  # a bug is an answer with status 500 here, as for a user
        yield World(lab)


schema = schemathesis.openapi.from_dict(openapi.document(registry().api_resources.values()))


thorough = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@schema.parametrize()
@thorough
def test_no_request_breaks_it(world: World, case: Case) -> None:
    check(world, case)


@schema.parametrize()
@thorough
def test_no_request_about_something_that_is_there_breaks_it(world: World, case: Case) -> None:
    own = next(caller.things for caller in world.callers if caller.name == "owner, key")
    things = {to_camel(name): value for name, value in {**world.values, **own}.items()}
    case.path_parameters = {name: things[name] for name in case.path_parameters}
    check(world, case)


def check(world: World, case: Case) -> None:
    """Send it with a key of the team's owner, and put back what it changed."""
    owner = next(caller for caller in world.callers if caller.name == "owner, key")
    case.headers.update(owner.headers)  # in the place of one that was made up as well
    with world.unchanged():
        answer = case.call(app=world.lab.app)
    known = "Authorization" in answer.request.headers and case.path != "/auth/login"
    assert answer.status_code != 401 or not known  # or nothing would be tried
    case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])
