"""Every SASL mechanism that slixmpp and the server share logs in; a wrong password never does."""

import ssl

from session import CA, Failure, Session, check, run, step

# Mechanisms that must be there, whatever else the server offers.
REQUIRED = ["SCRAM-SHA-1", "SCRAM-SHA-256"] + (["PLAIN"] if CA else [])


async def offered():
    """The mechanisms of the features, as slixmpp saw them on a first login."""
    alice = Session("alice")
    await alice.login(presence=False)
    mechanisms = sorted(alice.plugin["feature_mechanisms"].mech_list)
    used = alice.plugin["feature_mechanisms"].mech.name
    await alice.logout()
    step(f"logged in with {used}, slixmpp's own choice of {', '.join(mechanisms)}")
    return mechanisms


async def mechanism_works(mechanism):
    alice = Session("alice", mechanism=mechanism)
    await alice.login(presence=False)
    encrypted = isinstance(alice.socket, (ssl.SSLSocket, ssl.SSLObject))
    check(encrypted == (CA is not None), "the stream is not protected as configured")
    await alice.round_trip()
    await alice.logout()
    step(f"{mechanism} logs in")


async def tls_may_come_first():
    alice = Session("alice", direct_tls=True)
    await alice.login(presence=False)
    await alice.round_trip()
    await alice.logout()
    step("TLS from the first byte logs in")


async def wrong_password_is_refused(mechanism):
    alice = Session("alice", password="not-alice", mechanism=mechanism)
    await alice.until(alice.start_connecting, "failed_auth", but="session_start")
    alice.abort()
    step(f"{mechanism} refuses a wrong password")


async def unknown_account_is_refused():
    nobody = Session("nobody-of-that-name", mechanism="SCRAM-SHA-256")
    await nobody.until(nobody.start_connecting, "failed_auth", but="session_start")
    nobody.abort()
    step("an unknown account is refused")


async def main():
    mechanisms = await offered()
    missing = [name for name in REQUIRED if name not in mechanisms]
    if missing:
        raise Failure(f"not offered: {missing}")
    # slixmpp needs the channel binding of the TLS library, and Python's has none for TLS 1.3.
    for mechanism in [name for name in mechanisms if not name.endswith("-PLUS")]:
        if mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"):
            await mechanism_works(mechanism)
            await wrong_password_is_refused(mechanism)
    await unknown_account_is_refused()
    if CA:
        await tls_may_come_first()


run(main)
