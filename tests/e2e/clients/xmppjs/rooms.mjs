// A room and its archive: create, join, talk, subject, history, and reading the archive in pages.

import { ROOMS, Session, check, equal, run, step, xml } from "./session.mjs";

const MUC = "http://jabber.org/protocol/muc";
const room = `hall-${crypto.randomUUID()}@${ROOMS}`;
const from = (nick) => (s) => s.attrs.from === `${room}/${nick}`;
const said = (body) => (s) => s.attrs.type === "groupchat" && s.getChildText("body") === body;
const isSubject = (s) => s.is("message") && s.getChild("subject") && !s.getChild("body");

function codes(stanza) {
  return stanza.getChild("x", `${MUC}#user`).getChildren("status").map((s) => s.attrs.code);
}

/** Joins; returns own presence once subject, and with it all history, has come. */
async function enter(session, nick, ...history) {
  await session.xmpp.send(xml("presence", { to: `${room}/${nick}` }, xml("x", MUC, ...history)));
  const own = await session.expect((s) => s.is("presence") && from(nick)(s), `${nick} in the room`);
  equal(own.attrs.type, undefined, "type of own presence");
  const subject = await session.expect(isSubject, "the subject");
  return { codes: codes(own), subject: subject.getChildText("subject") };
}

/** One page of the room's archive: ids, bodies, and whether it is the last. */
async function page(session, position) {
  const queryid = crypto.randomUUID();
  const set = xml("set", "http://jabber.org/protocol/rsm", xml("max", {}, "4"), ...position);
  const fin = await session.xmpp.iqCaller.request(
    xml("iq", { type: "set", to: room }, xml("query", { xmlns: "urn:xmpp:mam:2", queryid }, set)),
  );
  const results = session.inbox.map((s) => s.getChild("result", "urn:xmpp:mam:2")).filter((r) => r?.attrs.queryid === queryid);
  return {
    ids: results.map((r) => r.attrs.id),
    bodies: results.map((r) => r.getChild("forwarded").getChild("message").getChildText("body")),
    complete: fin.getChild("fin", "urn:xmpp:mam:2").attrs.complete === "true",
  };
}

await run(async () => {
  const alice = await new Session("alice").login();
  const bob = await new Session("bob").login();
  const carol = await new Session("carol").login();

  check((await enter(alice, "host")).codes.includes("201"), "no sign of a creation");
  const form = xml("x", { xmlns: "jabber:x:data", type: "submit" });
  await alice.set(xml("query", `${MUC}#owner`, form), room);
  await enter(bob, "guest");
  await alice.expect((s) => s.is("presence") && from("guest")(s), "the guest's arrival");
  step("a room is created and joined");

  for (let number = 0; number < 10; number += 1) {
    const [speaker, listener] = number % 2 ? [bob, alice] : [alice, bob];
    await speaker.say(room, `line ${number}`, "groupchat");
    await speaker.expect(said(`line ${number}`), "the reflection");
    await listener.expect(said(`line ${number}`), "the other's line");
  }
  await alice.xmpp.send(xml("message", { to: room, type: "groupchat" }, xml("subject", {}, "ten lines")));
  const changed = await bob.expect(isSubject, "the new subject");
  equal(changed.getChildText("subject"), "ten lines", "subject");
  step("both talk and read the subject");

  equal((await enter(carol, "late", xml("history", { maxstanzas: "3" }))).subject, "ten lines", "subject for carol");
  const history = carol.inbox.filter((s) => s.attrs.type === "groupchat" && s.getChild("body"));
  equal(history.map((s) => s.getChildText("body")), ["line 7", "line 8", "line 9"], "history");
  check(history.every((s) => s.getChild("delay", "urn:xmpp:delay")), "history without its time");
  step("who comes later gets as much history as asked for");

  const bodies = [];
  let position = [];
  for (let last = false; !last; ) {
    const next = await page(carol, position);
    check(next.ids.length <= 4, "a page longer than asked for");
    check(next.ids.length > 0 || next.complete, "an empty page that is not the last");
    bodies.push(...next.bodies.filter(Boolean));
    position = [xml("after", {}, next.ids.at(-1) ?? "")];
    last = next.complete;
  }
  equal(bodies, Array.from({ length: 10 }, (_, number) => `line ${number}`), "the archive");
  step("the room's archive is read in pages");

  await alice.set(xml("query", `${MUC}#owner`, xml("destroy")), room);
  await bob.expect((s) => s.is("presence") && s.attrs.type === "unavailable" && from("guest")(s), "the room's end");
  step("the end of the room is seen");
  for (const session of [alice, bob, carol]) await session.logout();
});
