// Stream management: a broken socket loses nothing and repeats nothing, in @xmpp/client's own way of resuming.

import { Session, check, equal, inTime, run, step } from "./session.mjs";

await run(async () => {
  const alice = await new Session("alice").login();
  const bob = await new Session("bob", { resource: "phone" }).login({ roster: false });
  const management = bob.xmpp.streamManagement;
  check(management.enabled && management.id, "the server did not make the session resumable");

  await alice.say(bob.jid, "before the cut");
  await bob.expectBody("before the cut");
  await bob.cut();
  for (let number = 0; number < 20; number += 1) await alice.say(bob.jid, `during the cut ${number}`);
  await alice.roundTrip();
  step("bob's socket is broken while alice writes");

  const resumed = new Promise((resolve) => management.once("resumed", resolve));
  await inTime(bob.xmpp.reconnect.reconnect(), "new connection");
  await inTime(resumed, "resumption");
  for (let number = 0; number < 20; number += 1) {
    const next = await bob.expect((s) => s.getChildText("body")?.startsWith("during"), `message ${number}`);
    equal(next.getChildText("body"), `during the cut ${number}`, "order");
  }
  step("the stream is resumed and has everything, in order");

  await bob.say(alice.jid, "back again");
  await alice.expectBody("back again");
  await alice.say(bob.jid, "after the cut");
  await bob.expectBody("after the cut");
  equal(bob.inbox.filter((s) => s.is("message")).map(String), [], "messages that came twice");
  step("nothing came twice, and the conversation goes on");
  await alice.logout();
  await bob.logout();
});
