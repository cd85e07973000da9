"""Every registered environment keeps the protocol, bare and in its wrappers."""

import pytest

from jaxinv.env import make, registered
from jaxinv.testing import check_environment


@pytest.mark.parametrize("name", registered())
def test_registered_environments_keep_the_protocol(name):
    env, params = make(name)
    check_environment(env, params)
