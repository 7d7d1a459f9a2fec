"""Secrets of receivers leave the card, too, and come back to whom they belong."""

from failberry.system.firstboot_secrets import TAKEN_OVER, put_back, secrets_of, without_secrets

PHONE = '[[receiver]]\nname = "phone"\nvia = "ntfy"\nto = "https://ntfy.sh/secret-topic"\n'
HOOK = '[[receiver]]\nname = "hook"\nvia = "webhook"\nto = "https://x.example/y"\nsecret = "whsec_abc"\n'
HEAD = 'mode = "standby-gateway"\n[wired]\ninterface = "eth0"\n'


def test_they_are_taken_over_whoever_moves_them() -> None:
    text = HEAD + PHONE + HOOK
    stored = secrets_of(text)
    assert stored == {
        ("receiver", "phone", "to"): "https://ntfy.sh/secret-topic",
        ("receiver", "hook", "to"): "https://x.example/y",
        ("receiver", "hook", "secret"): "whsec_abc",
    }
    shown = without_secrets(text)
    assert "secret-topic" not in shown
    assert "whsec" not in shown
    assert shown.count(TAKEN_OVER) == 3
    assert put_back(shown, stored) == (text, ())
    turned = (
        HEAD
        + without_secrets(HEAD + HOOK).removeprefix(HEAD)
        + without_secrets(HEAD + PHONE).removeprefix(HEAD)
    )
    assert put_back(turned, stored) == (HEAD + HOOK + PHONE, ())
    renamed = shown.replace('"phone"', '"tablet"')
    whole, lost = put_back(renamed, stored)
    assert lost == (("receiver", "tablet", "to"),)
    assert "secret-topic" not in whole


def test_what_has_the_same_name_is_not_mixed_up() -> None:
    text = HEAD + PHONE + HOOK.replace('"hook"', '"phone"')
    stored = secrets_of(text)
    assert len(stored) == 3
    assert put_back(without_secrets(text), stored) == (text, ())
