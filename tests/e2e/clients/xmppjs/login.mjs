// Every mechanism that @xmpp/client and the server share logs in; a wrong password and an unknown account do not.

import { Session, check, equal, run, step } from "./session.mjs";

async function refused(user, password, mechanism, what) {
  const session = new Session(user, { password, mechanism });
  try {
    await session.xmpp.start();
  } catch (error) {
    equal(error.condition, "not-authorized", `condition for ${what}`);
    step(`${what} is refused`);
    await session.cut();
    return;
  }
  throw new Error(`${what} was let in`);
}

await run(async () => {
  const alice = await new Session("alice").login();
  const offered = alice.offered;
  check(alice.xmpp.isSecure(), "the stream is not encrypted");
  step(`logged in with ${alice.mechanism} of ${offered.join(", ")}`);
  await alice.logout();

  check(offered.includes("SCRAM-SHA-1"), "SCRAM-SHA-1 is not offered");
  check(offered.includes("PLAIN"), "PLAIN is not offered inside TLS");
  for (const mechanism of offered.filter((name) => name !== "ANONYMOUS")) {
    const session = await new Session("alice", { mechanism, resource: "desk" }).login();
    // SASL2 with Bind 2 takes it for a tag and appends to it (XEP-0386).
    check(session.jid.getResource().startsWith("desk"), "another resource than asked for");
    await session.logout();
    step(`${mechanism} logs in`);
    await refused("alice", "not-alice", mechanism, `a wrong password with ${mechanism}`);
    await refused("nobody-of-that-name", "alice", mechanism, `an unknown account with ${mechanism}`);
  }
});
