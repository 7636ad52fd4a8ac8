import pytest

from trio_bridge.gateways.calls import Call
from trio_bridge.gateways.limits import Limits
from trio_bridge.platforms.dingtalk.gateway.desk import Desk, Errcode
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.model import Refused, Rules


def test_a_second_is_counted_for_each_app_and_kind_of_call():
    limits = Limits()
    assert [limits.use_second("one", "PUT /a", 2, now) for now in (0.0, 0.5, 0.9)] == [True, True, False]
    assert limits.use_second("two", "PUT /a", 2, 0.9)
    assert limits.use_second("one", "PUT /b", 2, 0.9)
    assert limits.use_second("one", "PUT /a", None, 0.9)
    assert not limits.use_second("one", "PUT /a", 2, 1.2)
    assert limits.use_second("one", "PUT /a", 2, 1.5)  # the one at 0.5 is a second old


def test_the_quota_counts_what_is_within_it():
    limits = Limits()
    assert [limits.use_quota(2) for _ in range(4)] == [True, True, False, False]
    assert limits.counted == 2
    assert limits.use_quota(None)
    assert not limits.use_quota(3)


def test_both_apis_use_one_quota():
    gateway = Gateway(rules=Rules(quota=1))
    desk = Desk(gateway)
    token = desk.new_token(gateway.add_app("one", "secret"), 0.0)
    old = Call(method="GET", path="/user/get", query={"access_token": token})
    new = Call(method="GET", path="/new", headers={"x-acs-dingtalk-access-token": token})
    assert desk.old_app(old, 1.0).client_id == "one"
    with pytest.raises(Errcode, match="90020"):
        desk.old_app(old, 1.0)
    with pytest.raises(Refused, match="ApiCountLimitForOrg"):
        desk.app(new, 1.0)
