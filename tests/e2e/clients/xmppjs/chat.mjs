// Contacts and conversation: subscribe, see each other, talk both ways, in order, with any text.

import { DOMAIN, Session, equal, run, step, xml } from "./session.mjs";

const AWKWARD = "a <b> & \"c\" 'd' \u00e9\u4e16 \u{1f9a1} ]]> end";
const presence = (from, type) => (s) =>
  s.is("presence") && s.attrs.type === type && s.attrs.from.split("/")[0] === from;

async function contacts(session) {
  const roster = await session.get(xml("query", "jabber:iq:roster"));
  return roster.getChildren("item").map((item) => [item.attrs.jid, item.attrs.name, item.attrs.subscription]);
}

await run(async () => {
  const [alice, bob] = await Promise.all([new Session("alice").login(), new Session("bob").login()]);
  const [ALICE, BOB] = [`alice@${DOMAIN}`, `bob@${DOMAIN}`];

  await alice.set(xml("query", "jabber:iq:roster", xml("item", { jid: BOB, name: "Bob" })));
  await alice.xmpp.send(xml("presence", { to: BOB, type: "subscribe" }));
  await bob.expect(presence(ALICE, "subscribe"), "the request");
  await bob.xmpp.send(xml("presence", { to: ALICE, type: "subscribed" }));
  await alice.expect(presence(BOB, "subscribed"), "the consent");
  await alice.expect(presence(BOB, undefined), "bob's presence");
  equal(await contacts(alice), [[BOB, "Bob", "to"]], "alice's contacts");
  step("a contact is added and seen");

  await alice.say(bob.jid, AWKWARD);
  const heard = await bob.expectBody(AWKWARD);
  equal(heard.attrs.from, String(alice.jid), "sender");
  for (let number = 0; number < 100; number += 1) await bob.say(ALICE, `number ${number}`);
  for (let number = 0; number < 100; number += 1) {
    const next = await alice.expect((s) => s.getChildText("body")?.startsWith("number"), `number ${number}`);
    equal(next.getChildText("body"), `number ${number}`, "order");
  }
  step("messages arrive both ways, unchanged and in order");

  await bob.logout();
  await alice.expect(presence(BOB, "unavailable"), "bob's leave");
  await alice.set(xml("query", "jabber:iq:roster", xml("item", { jid: BOB, subscription: "remove" })));
  equal(await contacts(alice), [], "alice's contacts after the removal");
  step("bob's leave is seen, and the contact is removed");
  await alice.logout();
});
