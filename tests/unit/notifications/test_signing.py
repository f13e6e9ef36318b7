"""Signatures as Standard Webhooks has them, checked with the vector that its own libraries test themselves with."""

import base64
import hashlib
import hmac

import pytest

from core.notifications.signing import BadSecret, parse_secrets, secret_text, signature_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_signature_is_the_one_of_the_specifications_libraries() -> None:
    headers = signature_headers(
        parse_secrets(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_key_signs_so_that_a_receiver_can_change_in_its_own_time() -> None:
    old, new = b"o" * 32, b"n" * 32
    signature = signature_headers((new, old), "msg_1", 7, b"{}")["webhook-signature"]
    expected = [base64.b64encode(hmac.new(key, b"msg_1.7.{}", hashlib.sha256).digest()).decode() for key in (new, old)]
    assert signature.split(" ") == [f"v1,{each}" for each in expected]


def test_secret_as_text_is_read_back() -> None:
    key = bytes(range(32))
    assert parse_secrets(secret_text(key)) == (key,)
    assert parse_secrets(f"{secret_text(key)}\n {SECRET}")[0] == key
    assert parse_secrets(secret_text(key).rstrip("=")) == (key,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begin with whsec_"),
        ("whsec_!!!!", "not base64"),
        ("whsec_c2hvcnQ=", "5 bytes"),
        (f"whsec_{base64.b64encode(b'x' * 65).decode()}", "65 bytes"),
        (f"{SECRET} partner", "begin with whsec_"),
    ],
)
def test_text_that_can_not_sign_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadSecret, match=words):
        parse_secrets(text)
